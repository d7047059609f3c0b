"""News: each listener hears what it wants, and a slow one hurts only itself."""

from __future__ import annotations

from redshank.news import WAITING, Item, News


async def test_a_listener_hears_its_topics_and_no_others() -> None:
    news = News()
    listener = news.listen()
    listener.want(["alerts"])
    news.say("alerts", "yard", {"id": "1"})
    news.say("events", "yard", {"id": "2"})
    assert await listener.take() == [Item("alerts", "yard", {"id": "1"})]


async def test_nothing_is_wanted_once_the_last_listener_has_gone() -> None:
    news = News()
    first, second = news.listen(), news.listen()
    first.want(["events"])
    second.want(["alerts"])
    first.close()
    assert news.wanted("alerts")
    assert not news.wanted("events")
    second.close()
    second.close()
    assert not news.wanted("alerts")


async def test_a_slow_listener_loses_its_oldest_counted_and_the_others_nothing() -> None:
    news = News()
    slow, quick = news.listen(), news.listen()
    slow.want(["events"])
    quick.want(["events"])
    for number in range(WAITING + 10):
        news.say("events", "yard", {"id": number})
        assert [item.data["id"] for item in await quick.take()] == [number]
    waiting = await slow.take()
    assert slow.dropped == 10
    assert quick.dropped == 0
    assert [item.data["id"] for item in waiting] == list(range(10, WAITING + 10))
