package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
)

// healthcheckCommand asks a running worker on this machine how it is, for
// containers that hold no other program.
func healthcheckCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the worker on this machine for /healthz; exit status 0 means healthy",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			address := f.listen
			if address == "" {
				cfg, err := config.Load(f.config)
				if err != nil {
					return err
				}
				address = cfg.HTTP.Listen
			}
			client := http.Client{Timeout: 5 * time.Second}
			request, err := http.NewRequestWithContext(command.Context(), http.MethodGet, "http://"+address+"/healthz", nil)
			if err != nil {
				return fmt.Errorf("asking %s for its health: %w", address, err)
			}
			answer, err := client.Do(request)
			if err != nil {
				return fmt.Errorf("asking %s for its health: %w", address, err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
			if err != nil {
				return fmt.Errorf("reading the health of %s: %w", address, err)
			}
			fmt.Fprintf(command.OutOrStdout(), "%s\n", body)
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("the worker on %s is not healthy", address)
			}
			return nil
		},
	}
}
