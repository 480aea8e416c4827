package probe

import (
	"net"
	"strconv"

	"paramedic/internal/option"
)

// checkAddress reports an address that is not host:port. A missing one is the
// decoder's to report.
func checkAddress(problems *option.Problems, path, address string) {
	if address == "" {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		problems.Add(path, "%q is not an address; write host:port, like 127.0.0.1:9000", address)
		return
	}
	if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
		problems.Add(path, "%q has no port between 1 and 65535", address)
	}
}
