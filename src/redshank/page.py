"""The page of a running site: its port, its certificate, who may call it what, and how a terminal invites to it.

It starts last and stops first; a port that is taken, or a picture that cannot be made, costs nothing else anything. On the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from redshank import certificates
from redshank.access.desk import Came
from redshank.clock import Clock
from redshank.config.schema import Config
from redshank.errors import ConfigError, StoreError
from redshank.invitation import Invitation, ranked, words
from redshank.living import Living
from redshank.show import Show
from redshank.web.app import NEIGHBOURS, listen, make_app, serve
from redshank.web.rooms import LOOPBACK

log = logging.getLogger(__name__)

ANYWHERE = ""
LOOK_S = 3600.0
"""So often this machine's names are looked at again, and the certificate is."""
RTSP_LOOK_S = 3.0
"""So often we look whether there is an administrator yet, before whom nothing is offered to other programs."""
TICKET_HOURS = 24.0
SETUP = "setup"


class Page:
    """One per site. `run` until cancelled."""

    def __init__(self, config: Callable[[], Config], folder: Path, show: Show, clock: Clock) -> None:
        self._config = config
        self._folder = folder / "keys" / "tls"
        self._show = show
        self._clock = clock
        self._names = LOOPBACK
        self.say: Callable[[str], None] = lambda _text: None
        """To the terminal; set by whoever has one."""
        self.demo = False
        """Whoever sees the terminal is logged in without a password."""
        self.opened: Callable[[str], None] = lambda _link: None
        """With the link, once the page can be opened."""
        self.address = ""
        """Where it is; empty while it is not."""

    async def run(self, listens: Callable[[], None]) -> None:
        """`listens` is called once it does. Raises ConfigError when there is no port or no certificate."""
        web = self._config().web
        listening = listen(ANYWHERE if web.lan else web.host, web.port)
        try:
            tls = await asyncio.to_thread(self._certificate) if web.lan else None
            self._look(await asyncio.to_thread(certificates.local_names))
            self.address = self._addresses(listening)[0]
            listens()
            log.info("the page is at %s", self.address)
            app = make_app(self._show.site(), self._show.rooms(lambda: self._names, self._authority))
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(app, listening, tls, ",".join(web.trusted_proxies)))
                group.create_task(self._show.run())
                group.create_task(self._invite(self._addresses(listening)))
                group.create_task(self._look_again(tls))
                group.create_task(self._offer_rtsp(self._show.living))
        finally:
            self.address = ""
            listening.close()

    def _certificate(self) -> ssl.SSLContext:
        """The user's, or our own. Blocks. Raises ConfigError."""
        web = self._config().web
        if web.certificate is not None and web.key is not None:
            return certificates.context(web.certificate, web.key)
        return certificates.own(self._folder, certificates.local_names(), self._clock.now())

    def _look(self, names: certificates.Names) -> None:
        """What this server may be called."""
        config = self._config()
        given = (*config.web.names, urlsplit(config.public_url).hostname or "")
        local = names.hosts if config.web.lan else ()
        addresses = [f"[{one}]" if one.version == 6 else str(one) for one in names.addresses] if config.web.lan else []
        self._names = LOOPBACK | frozenset(one for one in (*given, *local, *addresses) if one)

    async def _look_again(self, tls: ssl.SSLContext | None) -> None:
        """Addresses change, and certificates end: ours is made anew, the user's is when its files have changed. What cannot be read
        is told, and what was there stays."""
        while True:
            await self._clock.sleep(LOOK_S)
            try:
                self._look(await asyncio.to_thread(certificates.local_names))
                if tls is not None:
                    await asyncio.to_thread(self._certificate_again, tls)
            except (ConfigError, OSError) as error:
                log.warning("web: the certificate was not looked at again: %s", error)

    def _certificate_again(self, tls: ssl.SSLContext) -> None:
        """For whoever connects from now on. Blocks. Raises ConfigError."""
        self._certificate()  # first: a pair that does not fit must not get into what serves
        web = self._config().web
        pair = (
            (web.certificate, web.key)
            if web.certificate and web.key
            else (self._folder / "server.pem", self._folder / "server.key")
        )
        try:
            tls.load_cert_chain(*pair)
        except ssl.SSLError as error:
            raise ConfigError(f"web.certificate: {pair[0]} cannot be used: {error.reason}") from error

    def _addresses(self, listening: socket.socket) -> list[str]:
        """Where it can be opened, the best first."""
        web, port = self._config().web, listening.getsockname()[1]
        if not web.lan:
            host = f"[{web.host}]" if ":" in web.host else web.host
            return [f"http://{host}:{port}"]
        names = certificates.local_names()
        local = ranked([str(one) for one in names.addresses if not one.is_link_local])
        hosts = [f"[{one}]" if ":" in one else one for one in local]
        named = [name for name in names.hosts if name.endswith(".local")]
        return [f"https://{one}:{port}" for one in [*hosts[:1], *named, *hosts[1:]]]

    def _authority(self) -> bytes:
        """Its certificate, for download. Blocks for as long as a small file takes."""
        web = self._config().web
        path = self._folder / "authority.pem"
        return path.read_bytes() if web.lan and web.certificate is None and path.exists() else b""

    async def _invite(self, addresses: list[str]) -> None:
        """Once, on the terminal."""
        lan = self._config().web.lan
        kind, ticket = SETUP, ""
        if self.demo:
            kind, ticket = "enter", await self._demo_ticket()
        elif not (await self._show.desk.register()).admins:
            ticket = await self._show.desk.ticket(SETUP, hours=TICKET_HOURS)
        print_of = certificates.fingerprint(self._folder) if lan and self._config().web.certificate is None else ""
        invitation = Invitation(tuple(addresses), ticket, kind, print_of)
        self.say(words(invitation, lan))
        self.opened(invitation.link)

    async def _demo_ticket(self) -> str:
        desk = self._show.desk
        if not (await desk.register()).admins:
            await desk.setup("demo", secrets.token_urlsafe(24), "", Came(here=True))
        return await desk.ticket("login", (await desk.register()).admins[0].id, TICKET_HOURS)

    async def _owned(self) -> bool:
        """Whether there is an administrator, as far as can be read."""
        with contextlib.suppress(StoreError):
            return bool((await self._show.desk.register()).admins)
        return False

    async def _offer_rtsp(self, living: Living) -> None:
        """The cameras for other programs, once there is an administrator; a port that is taken is told and costs nothing else."""
        config = self._config()
        if not config.rtsp.enabled:
            return
        while not await self._owned():
            await self._clock.sleep(RTSP_LOOK_S)
        host = "0.0.0.0" if config.web.lan else "127.0.0.1"

        def streams() -> dict[str, tuple[str, ...]]:
            cameras = self._config().cameras
            return {name: tuple(camera.streams) for name, camera in cameras.items() if camera.enabled}

        for port in range(config.rtsp.port, min(config.rtsp.port + NEIGHBOURS, 65_536)):
            out = living.rtsp(self._show.desk, streams, host, port)
            with contextlib.suppress(OSError):
                await out.start()
                break
        else:
            log.warning("rtsp: no port from %d on can be used: set rtsp.port to a free one", config.rtsp.port)
            return
        if out.port != config.rtsp.port:
            log.warning("rtsp: port %d is taken by another program, it is %d instead", config.rtsp.port, out.port)
        log.info("cameras for other programs are at rtsp://%s:%d", host, out.port)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await out.stop()
