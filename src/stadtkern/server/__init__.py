"""The application behind an HTTP server: in this process, or in several that share the port."""

from __future__ import annotations

from stadtkern.server.listening import check_port
from stadtkern.server.supervisor import supervise
from stadtkern.server.worker import Companion, run_worker
from stadtkern.settings import Settings


def serve(settings: Settings, companion: Companion | None = None) -> int:
    """Serve until SIGTERM or SIGINT; then finish what was accepted. Gives the exit code.

    companion: for one worker only.
    """
    settings.check_exposure()
    check_port(settings)
    if settings.workers == 1:
        return run_worker(settings, companion)
    return supervise(settings)
