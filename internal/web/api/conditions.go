package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"paramedic/internal/store"
)

// reply is an answer with headers of its own.
type reply struct {
	status int
	header map[string]string
	// body is written as JSON; nil for none.
	body any
}

// replying answers with what is made.
func (a *API) replying(make func(r *http.Request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := make(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.show(w, r, answer)
	}
}

func (a *API) show(w http.ResponseWriter, r *http.Request, answer reply) {
	for name, value := range answer.header {
		w.Header().Set(name, value)
	}
	if answer.body == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(answer.status)
		return
	}
	a.write(w, r, answer.status, answer.body)
}

// targetReply is an answer with a target. Its ETag is made of the registration,
// which is what If-Match is held against, and of all that is shown besides.
func (a *API) targetReply(status int, shown TargetDetail) reply {
	text, err := json.Marshal(shown)
	if err != nil {
		text = nil // then writing it fails as well, and says so
	}
	tag := fmt.Sprintf(`"%s.%08x"`, revision(shown.CreatedAt.UnixMilli(), shown.Version), crc32.ChecksumIEEE(text))
	return reply{status: status, header: map[string]string{"ETag": tag}, body: shown}
}

// revision names one version of a registration; one that was deleted and made
// again is another.
func revision(created, version int64) string {
	if version == 0 {
		return "0"
	}
	return fmt.Sprintf("%x-%d", created, version)
}

// unchanged reports whether If-None-Match names what is to be answered.
func unchanged(r *http.Request, answer reply) bool {
	for _, tag := range tags(r.Header.Values("If-None-Match")) {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == answer.header["ETag"] {
			return true
		}
	}
	return false
}

// expected is a registered target, if there is one, as the conditions of the
// request want it: If-Match names a version, and If-None-Match: * wants none.
func (a *API) expected(r *http.Request, key store.Key) (before store.Registered, exists bool, err error) {
	before, err = a.Store.RegisteredTarget(r.Context(), key)
	exists = err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return before, false, a.unkept(err)
	}
	if wanted := tags(r.Header.Values("If-Match")); len(wanted) > 0 && !(exists && matches(wanted, before)) {
		if !exists {
			return before, false, faultf(http.StatusPreconditionFailed, "If-Match: target %q is not registered now", clip(key.Target))
		}
		return before, true, faultf(http.StatusPreconditionFailed, "If-Match: target %q was changed meanwhile, and is version %d now; look at it again before you change it", clip(key.Target), before.Version)
	}
	if wanted := tags(r.Header.Values("If-None-Match")); exists && len(wanted) > 0 {
		for _, tag := range wanted {
			if tag == "*" || matches([]string{strings.TrimPrefix(tag, "W/")}, before) {
				return before, true, faultf(http.StatusPreconditionFailed, "If-None-Match: target %q is registered already, as version %d", clip(key.Target), before.Version)
			}
		}
	}
	return before, exists, nil
}

// matches reports whether one of the tags is of this version. Only the part
// that names it counts: where the target stands changes all the time.
func matches(wanted []string, registered store.Registered) bool {
	want := `"` + revision(registered.CreatedAt.UnixMilli(), registered.Version) + "."
	for _, tag := range wanted {
		if tag == "*" || strings.HasPrefix(tag, want) {
			return true
		}
	}
	return false
}

// tags reads the entity tags of a header; no tag of this API holds a comma.
func tags(values []string) []string {
	var all []string
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				all = append(all, tag)
			}
		}
	}
	return all
}
