//go:build !noembed

package devserver

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI serves the Web UI and returns, once it answers, the function that
// ends it and waits for its end.
func startUI(ctx context.Context, at ports, namespace string) (stop func(), err error) {
	ui := server.NewServer(server_options.WithConfigProvider(&uiconfig.Config{
		Host:                loopback,
		Port:                at.ui,
		TemporalGRPCAddress: hostPort(at.frontend),
		DefaultNamespace:    namespace,
		EnableUI:            true,
		// Nothing leaves the machine, and nothing is printed.
		DisableNewsFetch: true,
		HideLogs:         true,
		// Loopback speaks plain HTTP; a Secure cookie would never come back.
		CORS: uiconfig.CORS{CookieInsecure: true},
	}))
	ended := make(chan error, 1)
	go func() { ended <- ui.Start() }()
	stop = func() {
		ui.Stop()
		<-ended
	}
	if err := awaitUI(ctx, "http://"+hostPort(at.ui)+"/healthz", ended); err != nil {
		return nil, fmt.Errorf("web UI on %s: %w", hostPort(at.ui), err)
	}
	return stop, nil
}

// awaitUI polls url until it answers, the UI ends, or ctx does.
func awaitUI(ctx context.Context, url string, ended <-chan error) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			return response.Body.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("ended at once: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
