"""What a felt report asks: grades to choose from and questions, each with its words.

Questions and options are those of the USGS "Did You Feel It?" questionnaire as far as an intensity
is computed from them, under codes of our own; the words are ours. What no index is made of
(situation, building, storey, asleep, response, doors, sound) helps a reader of the report. There
are fifteen at most, so that nobody gives up half way.

References
----------
Wald, D. J., V. Quitoriano, L. A. Dengler, J. W. Dewey (1999), Seismol. Res. Lett. 70, 680-693.
Medvedev, S. V., W. Sponheuer, V. Karnik (1965), Seismic intensity scale MSK 1964: the effects told
in the words of the grades, shortened to what a person sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MOST_QUESTIONS = 15


@dataclass(frozen=True, slots=True)
class Option:
    code: str
    words: str | Promise


@dataclass(frozen=True, slots=True)
class Question:
    code: str
    words: str | Promise
    options: tuple[Option, ...]
    #: Several options may be taken; the answer is then a list of codes.
    several: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(option.code for option in self.options)


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade of MSK-64 in the words of one who was there."""

    number: int
    roman: str
    #: A few words, read at a glance.
    name: str | Promise
    words: str | Promise


#: What a report may name: MSK-64 has twelve grades.
GRADE_NUMBERS = range(1, 13)
#: What the form offers. Above IX a person cannot tell the grades apart: X to XII differ by how many
#: buildings of a district fell and by what became of the ground, which a survey finds. So the worst
#: is one choice, kept as grade X.
GRADES = (
    Grade(1, "I", _("I did not feel it"), _("I noticed nothing at all.")),
    Grade(2, "II", _("Hardly felt"), _("A very light swaying, lying still or on an upper floor.")),
    Grade(3, "III", _("Weak"), _("Felt by a few indoors, as if a light lorry passed by.")),
    Grade(
        4,
        "IV",
        _("Windows and dishes rattled"),
        _("Felt by many indoors, as if a heavy lorry passed by."),
    ),
    Grade(
        5,
        "V",
        _("Sleepers woke up"),
        _("The whole building shook; hanging things swung, pictures moved."),
    ),
    Grade(
        6,
        "VI",
        _("People were frightened"),
        _("Many ran outdoors; books and dishes fell, fine cracks in the plaster."),
    ),
    Grade(
        7,
        "VII",
        _("Walls cracked"),
        _("Most ran outdoors, standing was hard; cracks in walls, parts of chimneys fell."),
    ),
    Grade(
        8,
        "VIII",
        _("Buildings badly damaged"),
        _("Heavy furniture overturned; large cracks in walls, chimneys fell."),
    ),
    Grade(
        9,
        "IX",
        _("Parts of buildings collapsed"),
        _("Panic; walls and roofs came down, cracks in the ground."),
    ),
    Grade(
        10,
        "X",
        _("Most buildings collapsed"),
        _("Most buildings around were destroyed; large cracks and slides of the ground."),
    ),
)


def _options(*told: tuple[str, str | Promise]) -> tuple[Option, ...]:
    return tuple(Option(code, words) for code, words in told)


_NO_YES = _options(("no", _("No")), ("yes", _("Yes")))

QUESTIONS: tuple[Question, ...] = (
    Question(
        "situation",
        _("Where were you?"),
        _options(
            ("inside", _("inside a building")),
            ("outside", _("out of doors")),
            ("vehicle_stopped", _("in a vehicle that stood")),
            ("vehicle_moving", _("in a vehicle that moved")),
            ("other", _("somewhere else")),
        ),
    ),
    Question(
        "building",
        _("What is the building made of?"),
        _options(
            ("adobe", _("adobe or clay")),
            ("brick", _("brick or stone")),
            ("panel", _("concrete panels")),
            ("frame", _("reinforced concrete cast on the site")),
            ("wood", _("wood, or a light frame")),
            ("unknown", _("I do not know")),
        ),
    ),
    Question(
        "storey",
        _("On which floor were you?"),
        _options(
            ("below", _("below the ground")),
            ("1", _("ground floor")),
            ("2-3", _("second or third")),
            ("4-5", _("fourth or fifth")),
            ("6-9", _("sixth to ninth")),
            ("10+", _("tenth or above")),
        ),
    ),
    Question(
        "asleep",
        _("Were you asleep?"),
        _options(
            ("no", _("No")),
            ("slept_through", _("I slept through it")),
            ("woke", _("It woke me")),
        ),
    ),
    Question(
        "others",
        _("Did others near you feel it?"),
        _options(
            ("alone", _("nobody was with me")),
            ("nobody", _("nobody else felt it")),
            ("some", _("some felt it")),
            ("most", _("most felt it")),
            ("everyone", _("everyone felt it")),
        ),
    ),
    Question(
        "motion",
        _("How would you describe the shaking?"),
        _options(
            ("none", _("not felt")),
            ("weak", _("weak shaking")),
            ("mild", _("mild shaking")),
            ("moderate", _("moderate shaking")),
            ("strong", _("strong shaking")),
            ("violent", _("violent shaking")),
        ),
    ),
    Question(
        "reaction",
        _("How did you react?"),
        _options(
            ("none", _("no reaction")),
            ("very_little", _("very little reaction")),
            ("excitement", _("excitement")),
            ("somewhat_frightened", _("somewhat frightened")),
            ("very_frightened", _("very frightened")),
            ("extremely_frightened", _("extremely frightened")),
        ),
    ),
    Question(
        "response",
        _("What did you do?"),
        _options(
            ("nothing", _("took no action")),
            ("doorway", _("moved to a doorway")),
            ("cover", _("dropped and took cover")),
            ("outside", _("ran outdoors")),
            ("other", _("something else")),
        ),
    ),
    Question("stand", _("Was it hard to stand or walk?"), _NO_YES),
    Question(
        "sound",
        _("Was there a sound?"),
        _options(
            ("no", _("No")),
            ("faint", _("a faint rumble")),
            ("loud", _("a loud noise")),
        ),
    ),
    Question(
        "doors",
        _("Did doors or hanging things swing?"),
        _options(
            ("no", _("No")),
            ("slightly", _("they swung slightly")),
            ("violently", _("they swung violently")),
        ),
    ),
    Question(
        "shelf",
        _("Did things on shelves rattle or fall?"),
        _options(
            ("no", _("No")),
            ("rattled_slightly", _("they rattled slightly")),
            ("rattled_loudly", _("they rattled loudly")),
            ("few_fell", _("a few fell over or off")),
            ("many_fell", _("many fell off")),
            ("nearly_all_fell", _("nearly everything fell off")),
        ),
    ),
    Question(
        "picture",
        _("Did pictures on the walls move or fall?"),
        _options(("no", _("No")), ("moved", _("they moved")), ("fell", _("some fell"))),
    ),
    Question("furniture", _("Did heavy furniture slide or fall over?"), _NO_YES),
    Question(
        "damage",
        _("Was the building damaged?"),
        _options(
            ("none", _("no damage")),
            ("hairline_cracks", _("hairline cracks in walls")),
            ("few_windows", _("a few cracked windows")),
            ("few_wall_cracks", _("a few large cracks in walls")),
            ("many_wall_cracks", _("many large cracks in walls")),
            ("ceiling_or_tiles", _("lamps, ceiling tiles or plaster fell")),
            ("chimney_cracks", _("cracks in the chimney")),
            ("many_windows", _("many windows broke")),
            ("masonry_fell", _("bricks or stones fell from walls")),
            ("old_chimney_fell", _("an old chimney fell")),
            ("wall_or_pipe_damaged", _("a wall or pipe was badly damaged")),
            ("shifted_foundation", _("the building shifted on its foundation")),
            ("porch_separated", _("a porch or annexe broke away")),
            ("modern_chimney_fell", _("a modern chimney fell")),
            ("wall_tilted", _("a wall tilted or came down")),
            ("collapse", _("the building collapsed, wholly or in part")),
        ),
        several=True,
    ),
)
BY_CODE = {question.code: question for question in QUESTIONS}
