package realtest

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The user of a RabbitMQ that may look at "/" and do nothing there.
const (
	RabbitMQReader         = "reader"
	RabbitMQReaderPassword = "look-only-4711"
)

// RabbitMQServer is a RabbitMQ that a test may stop and start.
type RabbitMQServer struct {
	*Process
	// URL leads its administrator to the virtual host "/".
	URL string
}

// rabbitPrograms is where Debian keeps the programs that do not change user.
const rabbitPrograms = "/usr/lib/rabbitmq/bin"

// rabbitLimit is how long it may take to start: seconds, and on a machine that
// does other things as well many of them.
const rabbitLimit = 3 * time.Minute

const rabbitConfig = `load_definitions = @dir@/definitions.json
log.console = true
log.console.level = warning
log.file = false
`

const rabbitDefinitions = `{
  "vhosts": [{"name": "/"}],
  "users": [
    {"name": "tester", "password": "@password@", "tags": "administrator"},
    {"name": "@reader@", "password": "@readerpassword@", "tags": ""}
  ],
  "permissions": [
    {"vhost": "/", "user": "tester", "configure": ".*", "write": ".*", "read": ".*"},
    {"vhost": "/", "user": "@reader@", "configure": "^$", "write": "^$", "read": "^$"}
  ]
}
`

// RabbitMQ starts a RabbitMQ for this test alone. It needs seconds for that: let
// tests share it.
func RabbitMQ(t testing.TB) *RabbitMQServer {
	t.Helper()
	path := rabbitProgram(t)
	dir, address, password := t.TempDir(), FreeAddress(t), rand.Text()
	fill := strings.NewReplacer("@dir@", dir, "@password@", password,
		"@readerpassword@", RabbitMQReaderPassword, "@reader@", RabbitMQReader)
	for name, text := range map[string]string{
		"rabbitmq.conf": rabbitConfig, "definitions.json": rabbitDefinitions,
		"advanced.config": "[].\n", "plugins": "[].\n", "rabbitmq-env.conf": "",
	} {
		writeFile(t, filepath.Join(dir, name), fill.Replace(text))
	}
	server := url.URL{Scheme: "amqp", User: url.UserPassword("tester", password), Host: address, Path: "/"}
	return &RabbitMQServer{URL: server.String(), Process: Run(t, Command{
		Addr: address, Path: path, Dir: dir, Env: rabbitEnv(dir, address, epmd(t).Addr, FreeAddress(t)),
		Ready: func(context.Context) error { return pingRabbitMQ(server.String()) }, Limit: rabbitLimit,
	})}
}

// rabbitEnv keeps a node within a directory and on loopback: its files, its
// listener, the daemon by which nodes find each other, and its own address there.
func rabbitEnv(dir, address, epmd, distribution string) []string {
	host, port, _ := net.SplitHostPort(address)
	_, epmdPort, _ := net.SplitHostPort(epmd)
	_, distributionPort, _ := net.SplitHostPort(distribution)
	file := func(name string) string { return filepath.Join(dir, name) }
	return []string{
		"HOME=" + dir, "RABBITMQ_MNESIA_BASE=" + file("data"), "RABBITMQ_LOG_BASE=" + file("logs"), "RABBITMQ_PID_FILE=" + file("pid"),
		"RABBITMQ_CONFIG_FILE=" + file("rabbitmq.conf"), "RABBITMQ_ADVANCED_CONFIG_FILE=" + file("advanced.config"),
		"RABBITMQ_CONF_ENV_FILE=" + file("rabbitmq-env.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + file("plugins"),
		"RABBITMQ_NODENAME=node" + port + "@localhost", "RABBITMQ_NODE_IP_ADDRESS=" + host, "RABBITMQ_NODE_PORT=" + port,
		"RABBITMQ_DIST_PORT=" + distributionPort, "ERL_EPMD_ADDRESS=" + host, "ERL_EPMD_PORT=" + epmdPort,
		// The script replaces itself with the server only if the server may read
		// its input; then no shell is left between the test and the server.
		"RABBITMQ_ALLOW_INPUT=1",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-noinput -kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
	}
}

// epmd starts the daemon by which Erlang's nodes find each other. A node that
// finds none starts one that outlives it.
func epmd(t testing.TB) *Process {
	t.Helper()
	path, address := Binary(t, "epmd", "apt-get install rabbitmq-server"), FreeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	return Run(t, Command{Addr: address, Path: path, Dir: "/", Args: []string{"-address", host, "-port", port}})
}

func pingRabbitMQ(address string) error {
	conn, err := amqp.Dial(address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// rabbitProgram returns the server itself: what Debian has in PATH insists on
// the package's user, and on its directories.
func rabbitProgram(t testing.TB) string {
	t.Helper()
	path := filepath.Join(rabbitPrograms, "rabbitmq-server")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return Binary(t, "rabbitmq-server", "apt-get install rabbitmq-server")
}
