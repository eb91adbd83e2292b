"""Prefect flows, settings and the command line. The only importer of prefect."""
