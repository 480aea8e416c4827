package realtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// RabbitMQServer is a RabbitMQ that a test may stop and start.
type RabbitMQServer struct {
	*Process
	// URL leads its administrator to the virtual host "/".
	URL string
}

// rabbitPrograms is where Debian keeps the programs that do not change user.
const rabbitPrograms = "/usr/lib/rabbitmq/bin"

const rabbitConfig = `default_user = tester
default_pass = @password@
default_user_tags.administrator = true
loopback_users = none
log.console = true
log.console.level = warning
log.file = false
`

// RabbitMQ starts a RabbitMQ for this test. It needs seconds until it answers.
func RabbitMQ(t testing.TB) *RabbitMQServer {
	t.Helper()
	path := rabbitProgram(t)
	dir, address, password := t.TempDir(), FreeAddress(t), rand.Text()
	// A node finds others by a daemon that it would leave behind, at an address
	// that all nodes of the machine share; this one has its own.
	epmd := epmd(t)
	host, port, _ := net.SplitHostPort(address)
	_, epmdPort, _ := net.SplitHostPort(epmd.Addr)
	_, distribution, _ := net.SplitHostPort(FreeAddress(t))
	config := filepath.Join(dir, "rabbitmq.conf")
	writeFile(t, config, fmt.Sprintf("default_user = tester\ndefault_pass = %s\nloopback_users = none\nlog.console = true\nlog.file = false\n", password))
	for _, name := range []string{"rabbitmq-env.conf", "advanced.config", "plugins"} {
		writeFile(t, filepath.Join(dir, name), map[string]string{"advanced.config": "[].\n", "plugins": "[].\n"}[name])
	}
	env := []string{
		"HOME=" + dir, "RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "logs"),
		"RABBITMQ_CONFIG_FILE=" + config, "RABBITMQ_ADVANCED_CONFIG_FILE=" + filepath.Join(dir, "advanced.config"),
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(dir, "rabbitmq-env.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"),
		"RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"), "RABBITMQ_NODENAME=node" + port + "@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=" + host, "RABBITMQ_NODE_PORT=" + port, "RABBITMQ_DIST_PORT=" + distribution,
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=" + epmdPort,
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none -noinput",
		"RABBITMQ_ALLOW_INPUT=1",
	}
	server := url.URL{Scheme: "amqp", User: url.UserPassword("tester", password), Host: address, Path: "/"}
	return &RabbitMQServer{URL: server.String(), Process: Run(t, Command{
		Addr: address, Path: path, Dir: dir, Env: env,
		Ready: func(context.Context) error { return pingRabbitMQ(server.String()) },
	})}
}

// epmd starts the daemon by which Erlang's nodes find each other.
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
