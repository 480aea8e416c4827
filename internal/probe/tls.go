package probe

import (
	"crypto/tls"
	"net"

	"paramedic/internal/option"
)

// HTTPTLS says how the certificate of an https server is verified.
type HTTPTLS struct {
	CA                 string `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"Accept any certificate."`
	ServerName         string `yaml:"server_name" doc:"Name the certificate has to be for, if not the URL's host."`
}

// config returns the client's side of TLS.
func (o HTTPTLS) config() (*tls.Config, error) {
	config := &tls.Config{
		ServerName:         o.ServerName,
		InsecureSkipVerify: o.InsecureSkipVerify, //nolint:gosec // off unless the operator asks for it
		MinVersion:         tls.VersionTLS12,
	}
	var err error
	config.RootCAs, err = option.Authorities(o.CA)
	return config, err
}

// tlsFor returns a configuration that verifies the server at address.
func tlsFor(address string) *tls.Config {
	host, _, _ := net.SplitHostPort(address)
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
}
