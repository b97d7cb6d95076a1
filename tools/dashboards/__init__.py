"""Grafana dashboards and Prometheus alert rules, written from the metric catalogue.

`python -m tools.dashboards` writes them, `--check` fails when one on disk is not what the code says.
"""
