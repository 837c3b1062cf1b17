"""Staff pages: upload, dry run, runs, review."""
