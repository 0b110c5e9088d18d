"""Helpers for the whole package, which depend on none of it: checks, files, tables, extras, progress, threads."""
