"""The namespace's links as Python objects, over and over."""
from pyroute2 import IPRoute

from common import now, report

LISTS = 200

with IPRoute() as ipr:
    start = now()
    for _ in range(LISTS):
        list(ipr.get_links())
    report(list=(now() - start) / LISTS)
