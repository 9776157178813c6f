"""Which web pages may open a connection: the browser names the page's origin, other programs name none."""

from collections.abc import Iterable

from pipeline.settings import Settings, in_url


class Origins:
    """The gateway's own page, and those that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._host = in_url(settings.host)
        given = {one.strip().rstrip("/").lower() for one in settings.allowed_origins.split(",")} - {""}
        self._any = "*" in given
        self._allowed = given
        if settings.http_url is not None:
            scheme, _, rest = settings.http_url.partition("://")
            self._allowed.add(f"{scheme}://{rest.partition('/')[0]}".lower())
        self.serve_page(settings.http_port)

    def serve_page(self, http_port: int) -> None:
        """The page is at this port of this machine."""
        hosts = (self._host, "127.0.0.1", "localhost", "[::1]")
        self._allowed |= {f"http://{host}:{http_port}".lower() for host in hosts}

    def allow(self, origins: Iterable[str]) -> bool:
        """Whether a request with these Origin headers may come in: none, or one that is allowed."""
        given = list(origins)
        return not given or self._any or (len(given) == 1 and given[0].lower() in self._allowed)
