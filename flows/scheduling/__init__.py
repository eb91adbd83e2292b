"""Nightly and weekly, unattended."""
