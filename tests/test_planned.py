"""Whether the wanted days fit, before anything is recorded."""

from __future__ import annotations

from pathlib import Path

from redshank.config.load import load
from redshank.planned import planned


def test_each_volume_that_is_recorded_on_gets_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "redshank.yaml"
    file.write_text(
        f"""
data: {tmp_path / "data"}
storage: {{volumes: {{nas: {{path: {tmp_path / "nas"}, reserve: 1GB}}, unused: {tmp_path}}}}}
cameras:
  a: {{url: "rtsp://10.0.0.1/1", record: {{volume: nas, continuous: 3650, motion: 3650, detections: 3650, alerts: 3650}}}}
  b: {{url: "rtsp://10.0.0.2/1", record: {{continuous: 0.001, motion: 0.001, detections: 0.001, alerts: 0.001}}}}
  c: {{url: "rtsp://10.0.0.3/1", record: {{enabled: false, volume: unused}}}}
  d: {{url: "rtsp://10.0.0.4/1", enabled: false, record: {{volume: unused}}}}
"""
    )
    found = {one["volume"]: one for one in planned(load(file, {}).config)}
    assert set(found) == {"default", "nas"}
    assert found["default"]["enough"] is True
    assert found["nas"]["enough"] is False
    assert found["nas"]["needed"] > 1e12
    assert "you have" in found["nas"]["sentence"]
    assert "assumed" in found["nas"]["sentence"]
