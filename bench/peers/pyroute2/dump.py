"""The namespace's routes as Python objects."""
import socket

from pyroute2 import IPRoute

from common import now, report

took = []
with IPRoute() as ipr:
    for _ in range(2):
        start = now()
        found = list(ipr.get_routes(family=socket.AF_INET))
        took.append(now() - start)
        if len(found) < 100000:
            raise SystemExit(f'only {len(found)} routes found')
report(first=took[0], again=took[1])
