"""From when on something is wrong with a host, for status.yml and the healer alike."""

from __future__ import annotations

DISK_PERCENT = 90
# Of its limit, by one container
MEMORY_PERCENT = 90
# Days before a certificate ends
CERTIFICATE_DAYS = 14
