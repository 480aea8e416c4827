package api

import (
	"context"
	"errors"
	"net/http"

	"paramedic/internal/board"
	"paramedic/internal/store"
	"paramedic/internal/targets"
)

// The sources of targets.
const (
	sourceList   = "list"
	sourceFileSD = "file_sd"
	sourceAPI    = "api"
)

// source says where the targets of a service come from, if it has some.
func (a *API) source(service string) (targets.Source, bool) {
	if a.Targets == nil {
		return targets.Source{}, false
	}
	return a.Targets(service)
}

// sourceOf says where a target comes from, empty if nobody knows it.
func (a *API) sourceOf(ctx context.Context, key store.Key, source targets.Source) (string, error) {
	for _, listed := range source.List {
		if listed.Name == key.Target {
			return sourceList, nil
		}
	}
	if source.API {
		_, err := a.Store.RegisteredTarget(ctx, key)
		if err == nil {
			return sourceAPI, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", a.stored(err)
		}
	}
	if source.FileSD != "" && a.isTarget(key) {
		return sourceFileSD, nil
	}
	return "", nil
}

// sources says where each target of a service comes from.
func (a *API) sources(ctx context.Context, service string, source targets.Source) (func(target string) string, error) {
	listed := make(map[string]bool, len(source.List))
	for _, t := range source.List {
		listed[t.Name] = true
	}
	registered := map[string]bool{}
	if source.API && source.FileSD != "" { // else there is only one that is not listed
		all, err := a.Store.RegisteredTargets(ctx, service)
		if err != nil {
			return nil, a.stored(err)
		}
		for _, r := range all {
			registered[r.Target] = true
		}
	}
	return func(target string) string {
		switch {
		case listed[target]:
			return sourceList
		case source.FileSD == "" || registered[target]:
			return sourceAPI
		default:
			return sourceFileSD
		}
	}, nil
}

// listed are the targets of a service that do not come from the API, with where
// they come from.
func (a *API) listed(ctx context.Context, service string, source targets.Source) (map[string]string, error) {
	foreign := map[string]string{}
	from, err := a.sources(ctx, service, source)
	if err != nil {
		return nil, err
	}
	if source.FileSD != "" {
		all, _, err := a.Board.Targets(service, board.TargetFilter{})
		if err != nil {
			return nil, a.unlisted(service, err)
		}
		for _, t := range all {
			if from(t.Name) == sourceFileSD {
				foreign[t.Name] = sourceFileSD
			}
		}
	}
	for _, t := range source.List {
		foreign[t.Name] = sourceList
	}
	return foreign, nil
}

// isTarget reports whether the board shows such a target.
func (a *API) isTarget(key store.Key) bool {
	_, known := a.Board.Target(key.Service, key.Target)
	return known
}

// foreign refuses to change a target that does not come from the API.
func (a *API) foreign(ctx context.Context, key store.Key, source targets.Source) error {
	from, err := a.sourceOf(ctx, key, source)
	if place := elsewhere[from]; err == nil && place != "" {
		return faultf(http.StatusConflict, "target %q of %q %s", key.Target, key.Service, place)
	}
	return err
}

// elsewhere says where targets are changed that do not come from the API.
var elsewhere = map[string]string{
	sourceList:   "is in the configuration's list; change it there",
	sourceFileSD: "comes from the file_sd file of the configuration; change it there",
}

// origins says where targets come from besides the API.
func origins(source targets.Source) string {
	switch {
	case source.FileSD != "" && len(source.List) > 0:
		return "the configuration's list and its file_sd file"
	case source.FileSD != "":
		return "the file_sd file of the configuration"
	default:
		return "the configuration's list"
	}
}
