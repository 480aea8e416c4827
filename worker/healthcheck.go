package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
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
			cfg, err := config.Load(f.config)
			if err != nil && f.listen == "" {
				return err
			}
			// It asks this machine, so no proxy of the environment.
			transport := &http.Transport{}
			listen, client, scheme := f.listen, &http.Client{Timeout: 5 * time.Second, Transport: transport}, "http"
			if err == nil {
				if listen == "" {
					listen = cfg.HTTP.Listen
				}
				if cfg.HTTP.TLS != nil {
					scheme = "https"
					transport.TLSClientConfig = ownCertificate(cfg.HTTP.TLS)
				}
			}
			address, err := onThisMachine(listen)
			if err != nil {
				return err
			}
			return askHealth(command, client, scheme+"://"+address+"/healthz")
		},
	}
}

func askHealth(command *cobra.Command, client *http.Client, address string) error {
	request, err := http.NewRequestWithContext(command.Context(), http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", address, err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("asking for the health: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	fmt.Fprintf(command.OutOrStdout(), "%s\n", bytes.TrimSpace(body))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the worker at %s is not healthy", address)
	}
	return nil
}

// onThisMachine is where a worker that listens at an address is reached from
// its own machine.
func onThisMachine(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("listen address %q: write it as host:port, like 127.0.0.1:8080", listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// ownCertificate trusts the configured certificate and no other, whatever name
// it was made for.
func ownCertificate(files *config.TLS) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(state tls.ConnectionState) error {
			own, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
			if err != nil {
				return fmt.Errorf("reading the certificate: %w", err)
			}
			if len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, own.Certificate[0]) {
				return errors.New("this is not the certificate of the configuration")
			}
			return nil
		},
	}
}
