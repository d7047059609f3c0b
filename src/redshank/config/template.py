"""The file `redshank init` writes: it loads as it is, and says what to change."""

TEMPLATE = """\
# Redshank. Every key: docs/reference/config.md · is this file right?  redshank check
# Values may come from elsewhere:  ${NAME}  ${NAME:-default}  (environment)   !secret name  (secrets.yaml beside this file)
# and passwords also from a file:  file:/run/secrets/camera

# timezone: Europe/Berlin            # for times in messages; default: this machine's
# public_url: http://192.168.1.10:8970   # messages link to it
# data: /srv/redshank                # database, pictures, recordings; default: $REDSHANK_DATA_DIR or ~/.local/share/redshank

cameras:
  # One block per camera. The name (small letters, digits, _ and -) stays for ever; friendly_name may change.
  front-door:
    enabled: false                   # <- true, once the address is right; then `redshank doctor` tries it
    friendly_name: Front door
    location: Entrance, ground floor # shown in alerts
    user: admin                      # login for both streams; no escaping of @ : / # needed
    password: ${FRONT_DOOR_PASSWORD:-change-me}
    streams:
      main: {url: "rtsp://192.168.1.21:554/main"}
      sub: {url: "rtsp://192.168.1.21:554/sub"}    # small picture, analysed; leave it out when there is none
    # privacy_masks:                 # made black before anything looks, and in every picture
    #   neighbour: 0.8,0,1,0,1,0.4,0.8,0.4
    # zones:                         # corners as x,y,x,y,… from 0 to 1 (left top is 0,0)
    #   porch:
    #     coordinates: 0.1,0.5,0.6,0.5,0.6,1,0.1,1
    # motion:
    #   mask: {clock: "0,0,0.3,0,0.3,0.06,0,0.06"}   # motion here is ignored
    # record: {mode: motion, pre_capture: 10s, quota: 500GB}   # other than the others

  # Other sources:
  # garage:   {url: "http://192.168.1.30/video.mjpg", kind: mjpeg, user: admin, password: !secret garage}
  # webcam:   {url: "usb:/dev/video0", width: 1280, height: 720, fps: 15}
  # picamera: {url: "csi:0", width: 1280, height: 720, fps: 15}
  # clip:     {url: /srv/clips/street.mp4, loop: true}

# Everything is recorded, all the time, as the camera sends it. As it is without these lines:
# record:                            # a camera may have its own
#   mode: continuous                 # or motion, alert (only around them), off
#   sound: true
#   # schedule: [mon-fri 08:00-18:00, sat 09:00-14:00]   # outside these times nothing; default: always
#   pre_capture: 5s                  # kept before and after what moved or was alerted
#   post_capture: 5s
#   continuous: 7                    # days that plain footage stays (12h, 2w, 6m, forever); the oldest of it goes first
#   motion: 14                       # … in which something moved
#   detections: 30                   # … with a tracked object
#   alerts: 90                       # … of an alert
# storage:
#   volumes:
#     default: /mnt/video            # a folder, best on a disk of its own; default: recordings in the data folder

objects:
  track: [person]                    # also: car, dog, bicycle, … whatever the model knows

# What you want to know. Without rules: one alert for each person, on every camera, to every channel.
# rules:
#   somebody-at-the-door:
#     cameras: front-door
#     labels: person
#     zones: porch
#     min_score: 0.5
#     min_time: 1s
#     cooldown: 1m
#     channels: [mail]

channels:
  log: {type: console}
  # mail:
  #   type: email
  #   host: smtp.example.org
  #   user: me@example.org
  #   password: file:/run/secrets/mail
  #   sender: me@example.org
  #   to: [me@example.org, you@example.org]
  #   dry_run: true                  # try everything but the sending
  # team:  {type: slack, token: "${SLACK_TOKEN}", channel: C0123456789}
  # hook:  {type: webhook, url: "https://hooks.example.org/redshank", secret: !secret hook}

# bus: kafka://127.0.0.1:9092/?prefix=redshank   # default: memory
# detector: {model: yolov4-tiny, device: auto}
# security:
#   allow_targets: ["127.0.0.1:8554"]  # services on this machine that cameras or webhooks may reach
"""
