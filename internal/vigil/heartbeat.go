package vigil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"paramedic/internal/option"
)

// heartbeatTimeout bounds one call of the heartbeat address.
const heartbeatTimeout = 10 * time.Second

// Heartbeat is an address that is called for as long as all is well, so that
// its owner raises the alarm when the calls stop. The address is its own key
// and is never shown.
type Heartbeat struct {
	URL    option.Secret
	Log    *slog.Logger
	Client *http.Client
	// failed is set while the latest call failed, so that it is said once.
	failed bool
}

// Beat calls the address once.
func (h *Heartbeat) Beat(ctx context.Context) {
	err := h.call(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil && !h.failed:
		h.failed = true
		h.Log.Error(fmt.Sprintf("calling the heartbeat address at %s: %v", h.host(), err))
	case err == nil && h.failed:
		h.failed = false
		h.Log.Info(fmt.Sprintf("the heartbeat address at %s answers again", h.host()))
	}
}

func (h *Heartbeat) call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL.Reveal(), nil)
	if err != nil {
		return errors.New("it is not an address")
	}
	request.Header.Set("User-Agent", "paramedic")
	response, err := h.Client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // which does not repeat the address
		}
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
	if response.StatusCode >= 300 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// host is the part of the address that may be shown.
func (h *Heartbeat) host() string {
	address, err := url.Parse(h.URL.Reveal())
	if err != nil {
		return "?"
	}
	return address.Host
}
