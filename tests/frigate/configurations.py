"""Configurations as people have them, of several versions of Frigate. Written for these tests; the passwords are canaries."""

from __future__ import annotations

CANARIES = ("mqtt-canary", "canary%40x", "canary@x", "onvif-canary", "plain-canary", "plus-canary")

GO2RTC = """\
mqtt: {enabled: true, host: 192.168.1.2, user: frigate, password: mqtt-canary}
detectors:
  coral: {type: edgetpu, device: usb}
ffmpeg:
  hwaccel_args: preset-vaapi
  output_args: {record: preset-record-generic-audio-aac}
detect: {enabled: true, width: 1280, height: 720, fps: 5, max_disappeared: 25, stationary: {interval: 50}}
objects:
  track: [person, car, dog, package]
  filters:
    person: {min_area: 5000, max_area: 100000, threshold: 0.75, min_score: 0.6}
    car: {mask: ["0,0,100,0,100,100"]}
record:
  enabled: true
  retain: {days: 3, mode: motion}
  alerts: {pre_capture: 5, post_capture: 8, retain: {days: 30, mode: motion}}
  detections: {retain: {days: 14}}
snapshots: {enabled: true, retain: {default: 30}}
review:
  alerts: {labels: [person]}
go2rtc:
  streams:
    front:
      - rtsp://admin:canary%40x@10.0.0.21:554/h264Preview_01_main
      - "ffmpeg:front#audio=opus"
    front_sub: "ffmpeg:http://10.0.0.21/flv?port=1935&app=bcs&stream=channel0_ext.bcs#video=copy"
    unused: ["rtsp://10.0.0.99/y"]
    odd: ["exec:ffmpeg -i x"]
  webrtc: {candidates: ["10.0.0.2:8555"]}
birdseye: {enabled: true}
ui: {timezone: Europe/Berlin, time_format: 24hour}
notifications: {enabled: true, email: me@example.org}
cameras:
  Front_Door:
    ffmpeg:
      inputs:
        - {path: "rtsp://127.0.0.1:8554/front", input_args: preset-rtsp-restream, roles: [record, audio]}
        - {path: "rtsp://127.0.0.1:8554/front_sub", input_args: preset-rtsp-restream, roles: [detect]}
    motion: {mask: "0,0,300,0,300,60,0,60", threshold: 30}
    zones:
      porch:
        coordinates: "0.1,0.5,0.6,0.5,0.6,1,0.1,1"
        objects: [person]
        inertia: 3
        loitering_time: 4
        filters: {person: {min_area: 10}}
      bad: {coordinates: "0,0,1,1,0,1,1,0"}
    review: {alerts: {required_zones: [porch]}}
    ui: {order: 2}
  odd:
    ffmpeg: {inputs: [{path: "rtsp://127.0.0.1:8554/odd", roles: [detect]}]}
version: 0.16-0
"""

SMALL = """\
mqtt:
  enabled: False
cameras:
  yard:
    enabled: no
    ffmpeg:
      inputs:
        - path: rtsp://viewer:{FRIGATE_RTSP_PASSWORD}@10.0.10.10:554/live
          input_args: preset-rtsp-udp
          roles:
            - detect
            - record
    detect:
      width: 1280
      height: 720
    motion:
      mask:
        - 0,0,1280,0,1280,100
        - 500,500,600,500,600,600
    onvif: {host: 10.0.10.10, user: x, password: onvif-canary}
"""

OLD = """\
# before 0.14
database: {path: /media/frigate/frigate.db}
model: {path: "plus://plus-canary"}
record:
  enabled: True
  retain: {days: 7, mode: all}
  events: {pre_capture: 5, post_capture: 10, retain: {default: 21, mode: active_objects}, required_zones: [drive]}
objects: {track: [person, license_plate]}
cameras:
  drive way:
    ffmpeg:
      hwaccel_args: [-hwaccel, vaapi]
      inputs:
        - {path: "rtsp://u:plain-canary@10.1.1.1/a", roles: [detect, rtmp]}
    rtmp: {enabled: false}
    zones: {drive: {coordinates: "100,100,900,100,900,700,100,700"}}
    record: {retain: {days: 2}}
"""

NEW = """\
# 0.18
version: 0.18-0
record:
  enabled: true
  continuous: {days: 0.5}
  motion: {days: 4}
  alerts: {retain: {days: 60}}
profiles: {away: {friendly_name: Away}}
camera_groups: {all: {cameras: [a], icon: LuCar, order: 0}}
semantic_search: {enabled: true}
cameras:
  a:
    friendly_name: "The gate: #1"
    ffmpeg: {inputs: [{path: "rtsps://10.0.0.5:7441/abc?enableSrtp", roles: [record, detect]}]}
    motion:
      mask:
        clock: {friendly_name: Clock, enabled: true, coordinates: "0,0,0.3,0,0.3,0.06,0,0.06"}
        off: {enabled: false, coordinates: "0,0,1,0,1,1"}
    objects: {track: [person], mask: {tree: {coordinates: "0,0,1,0,1,1"}}}
    zones:
      gate: {friendly_name: Gate, coordinates: ["0.1,0.1", "0.9,0.1", "0.5,0.9"], distances: [1, 2, 3], speed_threshold: 3}
      closed: {enabled: false, coordinates: "0,0,1,0,1,1"}
    review:
      alerts: {labels: [person], required_zones: gate, cutoff_time: 40}
      detections: {labels: [person], enabled: true}
"""

ALL = {"go2rtc": GO2RTC, "small": SMALL, "old": OLD, "new": NEW}
