#!/usr/bin/python3
"""Pictures of the console, over the real programs with traffic.

    tests/ui/pictures.py DIRECTORY [-m MINUTES] [NAME ...]
        every page, light and dark, on a desktop and a phone
    tests/ui/pictures.py --readme [-m MINUTES]
        those of doc/images

MINUTES: how long there is traffic before, for the charts; 1 by default.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import threading

import world

HERE = pathlib.Path(__file__).resolve().parent
BODY = 'replay { rate 50/s }\nwatch { rejects 5% rejects-shares 20 }\n'


def take(w, where, *words):
    """Runs the browser's program."""
    subprocess.run(["node", HERE / "pictures.mjs", *words], check=True,
                   env=w.browser(where), stdin=subprocess.DEVNULL)


def pause(seconds):
    """Only that: there is nothing to wait for but a chart of that length."""
    threading.Event().wait(seconds)


def main():
    """As the usage says."""
    p = argparse.ArgumentParser()
    p.add_argument("where", nargs="?")
    p.add_argument("names", nargs="*")
    p.add_argument("--readme", action="store_true")
    p.add_argument("-m", type=float, default=1)
    o = p.parse_args()
    if o.readme:
        where = HERE.parent.parent / "doc" / "images"
    elif o.where:
        where = pathlib.Path(o.where)
        where.mkdir(parents=True, exist_ok=True)
    else:
        sys.exit("where to?  see --help")
    os.chdir(HERE.parent.parent)
    w = world.World(BODY)
    try:
        pause(60 * o.m)
        take(w, where, "readme" if o.readme else "all", *o.names)
    finally:
        w.close()
    if o.readme or o.names:
        return
    w = world.World(BODY, miners=False)
    try:
        take(w, where, "empty")
    finally:
        w.close()


if __name__ == "__main__":
    main()
