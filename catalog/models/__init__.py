"""What is known: every table of the catalogue, one subject a module."""

from catalog.models.accounts import (
    ADMINISTRATOR,
    EDITOR,
    OPERATOR,
    AccessToken,
    SignInFailure,
    User,
)
from catalog.models.agencies import Agency, AuthoritativeArea
from catalog.models.bulletins import (
    CHUNK_BYTES,
    BulletinChunk,
    BulletinEntry,
    BulletinFile,
    BulletinProblem,
    BulletinReading,
    ColumnMapping,
    Report,
    UploadKey,
)
from catalog.models.conversions import ConversionRelation, Converted
from catalog.models.coverage import CoverageSpan, MonthClosing
from catalog.models.declustering import DeclusteringLabel, DeclusteringRun
from catalog.models.editions import Edition, EditionEvent, EditionFile
from catalog.models.event_types import KnownSource, TypeSuggestion
from catalog.models.events import (
    Consequence,
    Event,
    EventDescription,
    EventFragment,
    EventRow,
    Interpretation,
    Origin,
    PreferredMagnitude,
    Solution,
    new_public_id,
)
from catalog.models.exports import Export, ExportChunk, new_export_id
from catalog.models.felt import (
    CommunityIntensity,
    FeltDecision,
    FeltReport,
    FeltReportPersonal,
    FeltSummary,
    FeltTie,
    MacroseismicAssessment,
)
from catalog.models.history import Change, FeedCounter, MergeDecision
from catalog.models.macroseismic import IntensityObservation, Settlement, SettlementEdit
from catalog.models.magnitude_assessments import MagnitudeAssessment
from catalog.models.magnitudes import Magnitude, StationMagnitude
from catalog.models.map_tiles import MapManifest, MapTile
from catalog.models.mechanisms import FocalMechanism, PolarityDecision, StationPolarityReversal
from catalog.models.observations import Amplitude, Arrival, Pick
from catalog.models.pick_associations import PickAssociation
from catalog.models.preference_rules import PreferenceRuleSet
from catalog.models.stations import (
    Channel,
    Network,
    Restriction,
    Station,
    StationAlias,
    StationDescription,
    StationFile,
    StationFileProblem,
)
from catalog.models.waveforms import WaveformChunk, WaveformFile, WaveformMeasurement

__all__ = [
    "ADMINISTRATOR",
    "CHUNK_BYTES",
    "EDITOR",
    "OPERATOR",
    "AccessToken",
    "Agency",
    "Amplitude",
    "Arrival",
    "AuthoritativeArea",
    "BulletinChunk",
    "BulletinEntry",
    "BulletinFile",
    "BulletinProblem",
    "BulletinReading",
    "Change",
    "Channel",
    "ColumnMapping",
    "CommunityIntensity",
    "Consequence",
    "ConversionRelation",
    "Converted",
    "CoverageSpan",
    "DeclusteringLabel",
    "DeclusteringRun",
    "Edition",
    "EditionEvent",
    "EditionFile",
    "Event",
    "EventDescription",
    "EventFragment",
    "EventRow",
    "Export",
    "ExportChunk",
    "FeedCounter",
    "FeltDecision",
    "FeltReport",
    "FeltReportPersonal",
    "FeltSummary",
    "FeltTie",
    "FocalMechanism",
    "IntensityObservation",
    "Interpretation",
    "KnownSource",
    "MacroseismicAssessment",
    "Magnitude",
    "MagnitudeAssessment",
    "MapManifest",
    "MapTile",
    "MergeDecision",
    "MonthClosing",
    "Network",
    "Origin",
    "Pick",
    "PickAssociation",
    "PolarityDecision",
    "PreferenceRuleSet",
    "PreferredMagnitude",
    "Report",
    "Restriction",
    "Settlement",
    "SettlementEdit",
    "SignInFailure",
    "Solution",
    "Station",
    "StationAlias",
    "StationDescription",
    "StationFile",
    "StationFileProblem",
    "StationMagnitude",
    "StationPolarityReversal",
    "TypeSuggestion",
    "UploadKey",
    "User",
    "WaveformChunk",
    "WaveformFile",
    "WaveformMeasurement",
    "new_export_id",
    "new_public_id",
]
