package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/targets"
	"paramedic/internal/web/access"
)

// createTarget registers a target of the service that the path names.
func (a *API) createTarget(r *http.Request) (reply, error) {
	s, source, err := a.registry(r)
	if err != nil {
		return reply{}, err
	}
	var body health.Target
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	if err := a.accept(s.Name, body); err != nil {
		return reply{}, err
	}
	key := store.Key{Service: s.Name, Target: body.Name}
	if err := a.foreign(r.Context(), key, source); err != nil {
		return reply{}, err
	}
	after, err := a.Store.CreateTarget(r.Context(), key, body.Labels, a.onceOf(r, a.shownAs(http.StatusCreated)))
	if errors.Is(err, store.ErrExists) {
		return reply{}, faultf(http.StatusConflict, "target %q of %q is registered already; change it with PUT at %s", body.Name, s.Name, targetPath(key))
	}
	if err != nil {
		return reply{}, a.unkept(err)
	}
	a.changed(r, "registered", key)
	return a.shownAs(http.StatusCreated)(after), nil
}

// putTarget gives a target the labels of the body, and registers it if it is
// not there.
func (a *API) putTarget(r *http.Request) (reply, error) {
	s, source, err := a.registry(r)
	if err != nil {
		return reply{}, err
	}
	key := store.Key{Service: s.Name, Target: r.PathValue("target")}
	body := health.Target{Name: key.Target}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	if body.Name != key.Target {
		return reply{}, faultf(http.StatusUnprocessableEntity, "target: the body names %q, and the address %q; a target cannot be renamed", clip(body.Name), clip(key.Target))
	}
	if err := cmp.Or(a.accept(s.Name, body), a.foreign(r.Context(), key, source)); err != nil {
		return reply{}, err
	}
	for {
		after, status, err := a.put(r, key, body.Labels)
		if errors.Is(err, errAgain) && r.Context().Err() == nil {
			continue
		}
		if err != nil {
			return reply{}, err
		}
		a.changed(r, "changed", key)
		return a.shownAs(status)(after), nil
	}
}

// errAgain says that a target came or went between two looks at it.
var errAgain = errors.New("look again")

// put writes once, if the conditions of the request hold.
func (a *API) put(r *http.Request, key store.Key, labels map[string]string) (after store.Registered, status int, err error) {
	before, exists, err := a.expected(r, key)
	if err != nil {
		return after, 0, err
	}
	if !exists {
		status = http.StatusCreated
		after, err = a.Store.CreateTarget(r.Context(), key, labels, a.onceOf(r, a.shownAs(status)))
	} else {
		// Without a condition, whatever is there now is replaced.
		version := before.Version
		if r.Header.Get("If-Match") == "" {
			version = 0
		}
		status = http.StatusOK
		after, err = a.Store.ReplaceTarget(r.Context(), key, labels, version, a.onceOf(r, a.shownAs(status)))
	}
	switch {
	case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrChanged):
		return after, 0, errAgain
	case err != nil:
		return after, 0, a.unkept(err)
	}
	return after, status, nil
}

// deleteTarget takes a target out of the registry; what was found of it is kept.
func (a *API) deleteTarget(r *http.Request) (reply, error) {
	s, source, err := a.registry(r)
	if err != nil {
		return reply{}, err
	}
	if err := decode(r, &struct{}{}); err != nil {
		return reply{}, err
	}
	key, err := a.targetKey(r, s)
	if err := cmp.Or(err, a.foreign(r.Context(), key, source)); err != nil {
		return reply{}, err
	}
	for {
		before, exists, err := a.expected(r, key)
		if err != nil {
			return reply{}, err
		}
		if !exists {
			return reply{}, a.noTarget(key)
		}
		gone := reply{status: http.StatusNoContent}
		err = a.Store.DeleteTarget(r.Context(), key, before.Version, a.onceOf(r, func(store.Registered) reply { return gone }))
		switch {
		case err == nil:
			a.changed(r, "removed", key)
			return gone, nil
		case errors.Is(err, store.ErrChanged), errors.Is(err, store.ErrNotFound):
			if r.Context().Err() != nil {
				return reply{}, r.Context().Err()
			}
		default:
			return reply{}, a.unkept(err)
		}
	}
}

// registry is the service that the path names, which takes registrations.
func (a *API) registry(r *http.Request) (board.Service, targets.Source, error) {
	s, err := a.named(r)
	if err != nil {
		return s, targets.Source{}, err
	}
	source, has := a.source(s.Name)
	switch {
	case !has:
		err = faultf(http.StatusConflict, "service %q has no targets; to let them be registered here, set targets.api: true for the service in the configuration", s.Name)
	case !source.API:
		err = faultf(http.StatusConflict, "the targets of %q cannot be changed here, as they come from %s; to allow it, set targets.api: true for the service in the configuration", s.Name, origins(source))
	}
	return s, source, err
}

// fleet is the service that the path names, which has targets.
func (a *API) fleet(r *http.Request) (board.Service, targets.Source, error) {
	s, err := a.named(r)
	if err != nil {
		return s, targets.Source{}, err
	}
	source, has := a.source(s.Name)
	if !has {
		return s, source, faultf(http.StatusNotFound, "service %q has no targets; it is its own", s.Name)
	}
	return s, source, nil
}

// accept says what is wrong with a target, before anything is kept of it.
func (a *API) accept(service string, target health.Target) error {
	if err := targets.CheckTarget(target); err != nil {
		return fault{http.StatusUnprocessableEntity, err.Error()}
	}
	if slices.Contains([]string{".", "..", "import"}, target.Name) {
		return faultf(http.StatusUnprocessableEntity, "a target cannot be called %q, for that would be no address of its own here", target.Name)
	}
	if a.CheckTarget == nil {
		return nil
	}
	if err := a.CheckTarget(service, target); err != nil {
		return faultf(http.StatusUnprocessableEntity, "target %q cannot be probed as %q says: %v", target.Name, service, err)
	}
	return nil
}

// shownAs answers with a target as it is kept after a change.
func (a *API) shownAs(status int) func(store.Registered) reply {
	return func(after store.Registered) reply {
		answer := a.targetReply(status, a.registeredTarget(after))
		if status == http.StatusCreated {
			answer.header["Location"] = targetPath(after.Key)
		}
		return answer
	}
}

// changed writes down who changed a target, which is on the disk now, and lets
// it take effect.
func (a *API) changed(r *http.Request, what string, key store.Key) {
	made(r)
	a.Log.Info("target "+what, "service", key.Service, "target", key.Target, "by", access.From(r.Context()).Name)
	if a.Refresh != nil {
		a.Refresh(key.Service)
	}
}

// targetKey is the target that the path names, which may be one.
func (a *API) targetKey(r *http.Request, s board.Service) (store.Key, error) {
	key := store.Key{Service: s.Name, Target: r.PathValue("target")}
	if targets.CheckName(key.Target) != nil {
		return key, a.noTarget(key)
	}
	return key, nil
}

// noTarget says that there is no such target.
func (a *API) noTarget(key store.Key) error {
	return faultf(http.StatusNotFound, "service %q has no target %q; %s/services/%s/targets lists them", key.Service, clip(key.Target), Prefix, url.PathEscape(key.Service))
}

// targetPath is the address of a target.
func targetPath(key store.Key) string {
	return fmt.Sprintf("%s/services/%s/targets/%s", Prefix, url.PathEscape(key.Service), url.PathEscape(key.Target))
}

// unkept explains an error of the store that kept something from being changed.
func (a *API) unkept(err error) error {
	if !errors.Is(err, store.ErrTaken) {
		a.Log.Error("target not stored", "error", err)
	}
	return fault{http.StatusServiceUnavailable, "the store does not answer, and nothing was changed as far as is known; try again later"}
}
