"""Bulletin formats: one module a format, listed by hand; no Django inside."""
