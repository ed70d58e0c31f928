"""Resumable uploads: one resource, two protocols as doors on it."""
