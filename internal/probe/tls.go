package probe

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
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
	if o.CA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, err
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", o.CA)
	}
	return config, nil
}

// tlsFor returns a configuration that verifies the server at address.
func tlsFor(address string) *tls.Config {
	host, _, _ := net.SplitHostPort(address)
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
}
