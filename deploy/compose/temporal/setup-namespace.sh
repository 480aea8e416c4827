#!/bin/sh
# Creates the namespace with 30 days of history. The worker registers its
# search attributes itself. May be repeated.
set -eu

until temporal operator cluster health; do
	sleep 2
done
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" ||
	temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 720h
