"""Prefect flows and their settings. The only importer of prefect."""
