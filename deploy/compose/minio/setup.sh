#!/bin/sh
# Creates the bucket that the s3 probe lists and writes to. May be repeated.
set -eu

mc alias set store "$S3_ENDPOINT" "$S3_ACCESS_KEY" "$S3_SECRET_KEY"
mc mb --ignore-existing "store/$S3_BUCKET"
