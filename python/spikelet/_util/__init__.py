"""Helpers that every wing may use and that know nothing of the package: checks, files, tables, extras, progress."""
