package realtest

import (
	"encoding/xml"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The users of a ClickHouse server: the default one without a password, and
// one that may only look, as monitoring users are set up.
const (
	ClickHouseReader         = "reader"
	ClickHouseReaderPassword = "look-only-4711"
)

const clickHouseConfig = `<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host>
  <tcp_port>@port@</tcp_port>
  <path>@dir@/data/</path>
  <tmp_path>@dir@/tmp/</tmp_path>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
</yandex>
`

const clickHouseUsers = `<?xml version="1.0"?>
<yandex>
  <profiles><default/><readonly><readonly>1</readonly></readonly></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota>
    </default>
    <@reader@>
      <password>@password@</password><networks><ip>127.0.0.1</ip></networks>
      <profile>readonly</profile><quota>default</quota>
    </@reader@>
  </users>
</yandex>
`

// ClickHouse starts a clickhouse-server that speaks the native protocol. It
// runs on Debian's 18.16 as well as on current versions.
func ClickHouse(t testing.TB) *Process {
	t.Helper()
	return Run(t, ClickHouseCommand(t))
}

// ClickHouseCommand writes the configuration of such a server and returns how
// to start it.
func ClickHouseCommand(t testing.TB) Command {
	t.Helper()
	path := Binary(t, "clickhouse-server", "apt-get install clickhouse-server")
	dir, address := t.TempDir(), FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	fill := strings.NewReplacer("@port@", port, "@dir@", escapeXML(dir),
		"@reader@", ClickHouseReader, "@password@", ClickHouseReaderPassword)
	config := filepath.Join(dir, "config.xml")
	writeFile(t, config, fill.Replace(clickHouseConfig))
	writeFile(t, filepath.Join(dir, "users.xml"), fill.Replace(clickHouseUsers))
	return Command{Addr: address, Path: path, Dir: dir, Args: []string{"--config-file=" + config}}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
}

func escapeXML(text string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text))
	return escaped.String()
}
