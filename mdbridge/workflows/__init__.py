"""Orchestration of whole campaigns: stages, what is done, what is not."""
