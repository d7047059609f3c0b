"""The judge: observations in, events and alerts out.

`observe` runs on the event loop, one observation of a camera after the other, in microseconds: it steps the pure core of `rules` and
puts what changed into a queue. One task commits the queue: rule state, events, verdicts, alerts and notifications of one
observation are always in the same transaction, several observations share one when the disk is slow. Only what is committed
is heard by bus and sender. While the database cannot be written nothing is lost: the task tries again for ever, the queue
fills, and `observe` waits (back-pressure on whatever delivers observations).

After a crash the state read back is that of the last commit. Observations that were judged but changed nothing are not in it; if
the bus delivers them again they are judged again, with the same result.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from redshank.clock import US_PER_S, Clock, new_id
from redshank.judgement import Batch, Changes, JudgeSettings, tidy, write
from redshank.model import Alert, Observation, Verdict
from redshank.rules import incident, scene_json
from redshank.rules import state as state_json
from redshank.rules.incident import Change, Incident, fold
from redshank.rules.rule import Rule, default_rule
from redshank.rules.scene import Scene, SceneSettings, View, finish, view
from redshank.rules.state import RuleState
from redshank.rules.step import fits, step
from redshank.store import alerts, state
from redshank.store.base import Store, is_bug

log = logging.getLogger(__name__)

WAITING = 2000
"""Observations that changed something and are not committed yet; then `observe` waits."""
GROUP = 200
"""Of them in one transaction, at most."""
MEMORY_S = 5.0
"""While objects are there, what is known of them is written at least so often, for a restart."""


@dataclass(slots=True)
class _Camera:
    settings: SceneSettings
    scene: Scene = field(default_factory=Scene)
    states: dict[str, RuleState] = field(default_factory=dict)
    incidents: dict[str, tuple[Incident, ...]] = field(default_factory=dict)
    """By rule: the open ones, and the newest."""
    written: int = 0
    """Time of the last observation that was put into the queue."""


class Judge:
    """One per site. `start`, then `observe` from one task per camera or from one for all; `stop`."""

    def __init__(
        self,
        rules: Sequence[Rule],
        store: Store,
        clock: Clock,
        settings: JudgeSettings | None = None,
        heard: Callable[[Changes], None] | None = None,
    ) -> None:
        """`heard` is called on the event loop after each commit and must not block. No rules = `default_rule()`."""
        self._settings = settings or JudgeSettings()
        self._rules = _complete(rules, self._settings)
        self._store = store
        self._clock = clock
        self._heard = heard
        self._cameras: dict[str, _Camera] = {}
        self._queue: asyncio.Queue[Batch] = asyncio.Queue(WAITING)
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        """One observation or one change of the rules at a time: batches of a camera are queued in the order they were made."""
        self.observed = 0
        self.repeated = 0
        """Observations ignored because they (or later ones of their stream) were judged before."""
        self.parked = 0
        """Observations whose outcome could never be stored: a bug of ours, logged."""
        self.trouble = ""
        """Why nothing can be committed now; empty when all is well."""

    @property
    def waiting(self) -> int:
        """Observations that changed something and are not committed yet."""
        return self._queue.qsize()

    async def start(self) -> None:
        """Read back what is known; close what can never close by itself. Raises StoreError."""
        site = self._settings.site
        rules = {one.name: one for one in self._rules}
        known, live = await asyncio.to_thread(
            self._store.read, lambda conn: (state.load(conn, site), alerts.live(conn, site))
        )
        for (camera, rule), value in known.items():
            if rule == "":
                self._camera(camera).scene = scene_json.from_json(value)
            elif rule in rules and fits(rules[rule], found := state_json.from_json(value)):
                self._camera(camera).states[rule] = found
        orphans = self._resume(live)
        await asyncio.wrap_future(self._store.write(partial(tidy, self._settings, orphans, self._clock.now())))
        self._task = asyncio.create_task(self._commit_forever(), name="judge-commit")

    async def observe(self, observation: Observation) -> None:
        """Judge one observation; those of a camera in order. One that was judged before is ignored.

        Returns when what changed is queued for commit, see `settle`. Raises what ended the commit task, if anything did.
        """
        async with self._turn:
            if self._removed(observation.camera):
                return  # said before it was switched off
            camera = self._camera(observation.camera)
            if camera.scene.has_seen(observation):
                self.repeated += 1
                return
            self.observed += 1
            seen = view(camera.settings, camera.scene, observation, new_id)
            await self._queue_up(self._step(camera, seen))

    async def finish(self, observation: Observation) -> None:
        """A source has ended for good (a clip): end its objects and close its alerts. Only camera and time are looked at."""
        async with self._turn:
            camera = self._camera(observation.camera)
            await self._queue_up(self._step(camera, finish(camera.scene, observation)))

    async def change(self, rules: Sequence[Rule], settings: JudgeSettings) -> None:
        """Other rules, zones, channels or cameras, from the next observation on.

        What is known of a rule that stays is kept. Alerts still open of one that is gone, or of a camera that is, are closed.
        """
        async with self._turn:
            self._settings, self._rules = settings, _complete(rules, settings)
            for name in list(self._cameras):
                for batch in self._changed(name):
                    await self._queue_up(batch)

    async def settle(self) -> None:
        """Wait until everything observed so far is committed and heard. Raises what ended the commit task, if anything did."""
        await self._unless_ended(self._queue.join())

    async def _queue_up(self, batch: Batch | None) -> None:
        if batch is not None:
            await self._unless_ended(self._queue.put(batch))

    async def _unless_ended(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Wait for this, but not for a commit task that is no more: nobody would ever take what is queued."""
        task, wanted = self._task, asyncio.ensure_future(waiting)
        try:
            await asyncio.wait([wanted, *([task] if task else [])], return_when=asyncio.FIRST_COMPLETED)
            if task is not None and task.done():
                task.result()
        finally:
            wanted.cancel()

    async def stop(self, patience_s: float = 10.0) -> int:
        """Write down what is known, commit what waits, stop. How many observations could not be committed in time."""
        if self._task is None:
            return 0
        for name, camera in self._cameras.items():
            if camera.scene.known and not self._queue.full():
                self._queue.put_nowait(Batch(name, camera.written, camera.scene, dict(camera.states)))
        joined = asyncio.ensure_future(self._queue.join())
        await asyncio.wait([joined, self._task], timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if not joined.done():
            log.error("stopped with observations not committed: count=%d reason=%s", self.waiting, self.trouble)
        joined.cancel()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        return self.waiting

    # --- one observation ---------------------------------------------------------------------------------------------

    def _camera(self, name: str) -> _Camera:
        found = self._cameras.get(name)
        if found is None:
            found = self._cameras[name] = _Camera(self._scene_settings(name))
        return found

    def _scene_settings(self, name: str) -> SceneSettings:
        zones, labels = self._settings.zones.get(name, {}), self._settings.zone_labels.get(name, {})
        return replace(self._settings.scene, polygons=zones, zone_labels=labels)

    def _step(self, camera: _Camera, seen: View) -> Batch | None:
        """Step every rule; None when there is nothing to write."""
        observation = seen.observation
        camera.scene = seen.scene
        changes: list[tuple[Rule, Change]] = []
        kept: list[tuple[Verdict, str]] = []
        for rule in self._rules:
            if not rule.applies(observation.camera):
                continue
            before = camera.states.get(rule.name) or RuleState()
            camera.states[rule.name], found = step(rule, before, observation)
            for verdict in found:
                why = seen.gone.get(verdict.track, "ended")
                open_now = camera.incidents.get(rule.name, ())
                camera.incidents[rule.name], change = fold(rule, open_now, verdict, why, new_id)
                kept.append((verdict, change.incident.alert.id if change else ""))
                changes += [(rule, change)] if change else []
        due = seen.scene.known and abs(observation.time - camera.written) >= MEMORY_S * US_PER_S
        if not (seen.events or kept or due):
            return None
        camera.written = observation.time
        return Batch(
            observation.camera,
            observation.time,
            camera.scene,
            dict(camera.states),
            seen.events,
            tuple(changes),
            tuple(kept),
        )

    def _changed(self, name: str) -> Iterable[Batch | None]:
        """A camera under the new settings: what has to be written of it."""
        camera, now = self._cameras[name], self._clock.now()
        camera.settings = self._scene_settings(name)
        if self._removed(name):
            yield self._step(camera, finish(camera.scene, Observation(name, "", camera.scene.epoch, 0, now)))
            yield self._closed(name, camera, camera.incidents, "camera removed")
            del self._cameras[name]
            return
        applying = {rule.name for rule in self._rules if rule.applies(name)}
        turned = {rule.name for rule in self._rules if not fits(rule, camera.states.get(rule.name, RuleState()))}
        yield self._closed(name, camera, camera.incidents.keys() & applying & turned, "rule changed")
        applying -= turned
        camera.states = {rule: known for rule, known in camera.states.items() if rule in applying}
        yield self._closed(name, camera, camera.incidents.keys() - applying, "rule removed")

    def _closed(self, name: str, camera: _Camera, rules: Iterable[str], why: str) -> Batch | None:
        """With every open alert of these rules closed; told to nobody but the bus, since nobody wants news of them any more."""
        now, changes = self._clock.now(), []
        for rule in list(rules):
            shut = [incident.close(one, now, why) for one in camera.incidents.pop(rule) if one.alert.state == "open"]
            changes += [(Rule(rule, channels=()), Change(one, "close")) for one in shut]
        return Batch(name, now, camera.scene, dict(camera.states), changes=tuple(changes)) if changes else None

    def _resume(self, live: Sequence[tuple[Alert, int]]) -> list[Incident]:
        """Take open alerts up again where their objects are known; those that cannot go on, closed."""
        orphans = []
        rules = {rule.name: rule for rule in self._rules}
        for alert, grouped in live:
            camera = self._camera(alert.camera)
            known = camera.states.get(alert.rule) or RuleState()
            still = {id for id in alert.tracks if id in known.watches}
            still |= {""} if known.moving is not None and known.moving.fired and not alert.tracks else set()
            one = Incident(alert, frozenset(still if alert.state == "open" else ()), grouped)
            rule = rules.get(alert.rule)
            why = "rule removed" if rule is None or not rule.applies(alert.camera) else ""
            why = why or ("restarted" if not still or self._removed(alert.camera) else "")
            if alert.state == "open" and why:
                one = incident.close(one, alert.updated, why)
                orphans.append(one)
            camera.incidents[alert.rule] = (*camera.incidents.get(alert.rule, ()), one)
        return orphans

    def _removed(self, camera: str) -> bool:
        return self._settings.cameras is not None and camera not in self._settings.cameras

    # --- commit ------------------------------------------------------------------------------------------------------

    async def _commit_forever(self) -> None:
        while True:
            group = [await self._queue.get()]
            while len(group) < GROUP and not self._queue.empty():
                group.append(self._queue.get_nowait())
            await self._commit(group)
            for _ in group:
                self._queue.task_done()

    async def _commit(self, group: Sequence[Batch]) -> None:
        """Try until it is written: 1 s between tries, growing to 10 s. What can never be written is parked, alone."""
        wait_s = 1.0
        while True:
            done = self._store.write(partial(write, self._settings, group, self._clock.now()))
            written = asyncio.wrap_future(done)
            await asyncio.wait([written])
            error = written.exception()
            if error is None:
                self.trouble = ""
                self._tell(written.result())
                return
            if is_bug(error):
                await self._park(group, error)
                return
            if self.trouble != str(error):
                log.error("alerts wait for the database: observations=%d error=%s", self.waiting + len(group), error)
            self.trouble = str(error)
            await self._clock.sleep(wait_s)
            wait_s = min(10.0, wait_s * 2)

    async def _park(self, group: Sequence[Batch], error: BaseException) -> None:
        """One of the group is wrong: commit the others, give up that one loudly rather than stop all alerts."""
        if len(group) > 1:
            for batch in group:
                await self._commit([batch])
            return
        self.parked += 1
        log.error("observation cannot be stored: camera=%s time=%d error=%r", group[0].camera, group[0].time, error)

    def _tell(self, changes: Changes) -> None:
        if self._heard is not None and (changes.events or changes.alerts or changes.verdicts):
            self._heard(changes)


def _complete(rules: Sequence[Rule], settings: JudgeSettings) -> list[Rule]:
    """Each knows the zones; without any there is the one of `default_rule`."""
    zones, labels = settings.zones, settings.zone_labels
    return [replace(rule, polygons=zones, zone_labels=labels) for rule in rules or [default_rule()]]
