"""The script that most begin with, made as fast as threads make it: boto3, eight loops, each receives ten, COPYs and deletes them."""

import base64
import hashlib
import hmac
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import boto3
import psycopg

THREADS = 8
# Short, so that the loops end soon after the last message.
WAIT_SECONDS = 1
COPY = (
    "COPY user_logins (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) FROM STDIN"
)

queue_url = os.environ["QUEUE_URL"]
key = base64.b64decode(os.environ["HMAC_KEY"])
left = int(os.environ["MESSAGES"])
counting = threading.Lock()


def token(value):
    digest = hmac.digest(key, value.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def row_of(message):
    event = json.loads(message["Body"])
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, timezone.utc)
    return (
        event["user_id"],
        event["device_type"],
        token(event["ip"]),
        token(event["device_id"]),
        event["locale"],
        int(event["app_version"].replace(".", "")),
        sent.date(),
    )


def work(sqs):
    global left
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        while left > 0:
            reply = sqs.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            messages = reply.get("Messages", [])
            if not messages:
                continue
            with connection.cursor().copy(COPY) as copy:
                for message in messages:
                    copy.write_row(row_of(message))
            connection.commit()
            entries = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(messages)
            ]
            failed = sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
            if failed:
                raise RuntimeError(f"SQS did not delete {len(failed)} messages")
            with counting:
                left -= len(messages)


sqs = boto3.client("sqs")
with ThreadPoolExecutor(THREADS) as pool:
    for done in [pool.submit(work, sqs) for _ in range(THREADS)]:
        done.result()
