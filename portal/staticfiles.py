"""Static files under names that change with their content, ES module imports included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):
    """Rewrites ``import ... from "./x.js";`` too (the final semicolon is needed)."""

    support_js_module_import_aggregation = True
