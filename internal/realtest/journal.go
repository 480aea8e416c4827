package realtest

import (
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"
)

// Journal starts the journal of this systemd and returns its directory, for
// journalctl --directory. Services that are added from then on write to it, and
// not to what Logs returns. It skips the test where there is no journald.
func (m *Machine) Journal() (directory string) {
	m.t.Helper()
	binary := "/lib/systemd/systemd-journald"
	if _, err := os.Stat(binary); err != nil {
		Skip(m.t, "systemd-journald is not installed (Debian package systemd)")
	}
	if id, _ := os.ReadFile(m.path("/etc/machine-id")); len(id) < 32 {
		Skip(m.t, "a journal needs a machine id (systemd-machine-id-setup)")
	}
	settings := m.path("/run/systemd/journald.conf.d")
	require.NoError(m.t, os.MkdirAll(settings, 0o755))
	// In memory, as /var is the machine's, and without the kernel's messages.
	require.NoError(m.t, os.WriteFile(filepath.Join(settings, "test.conf"),
		[]byte("[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n"), 0o644))
	m.AddUnit("systemd-journald.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\n"+
		"ListenDatagram=/run/systemd/journal/socket\nListenStream=/run/systemd/journal/stdout\n"+
		"PassCredentials=yes\nPassSecurity=yes\nSocketMode=0666\n")
	m.AddUnit("systemd-journald.service", "[Unit]\nDefaultDependencies=no\nRequires=systemd-journald.socket\n"+
		"[Service]\nType=notify\nSockets=systemd-journald.socket\nExecStart="+binary+"\n")
	m.Start("systemd-journald.service")
	m.journal = true
	return m.path("/run/log/journal")
}
