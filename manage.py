#!/usr/bin/env python
"""Run a management command: `manage.py help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line

from stagent.startup import explain_failures

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stagent.settings")
    with explain_failures():
        execute_from_command_line(sys.argv)
