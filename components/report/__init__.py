"""The HTML report of a run: its facts are collected from artifacts, and pages are drawn of them."""
