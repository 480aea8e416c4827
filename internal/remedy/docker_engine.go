package remedy

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"paramedic/internal/health"
)

// inspectLimit bounds in bytes what is read of an answer of an Engine; the
// description of a container takes some ten thousand.
const inspectLimit = 4 << 20

// engine is a client of one Docker Engine, see docs.docker.com/reference/api/engine.
// It uses three calls that are the same in all versions of the API, and leaves
// the version out of the address, so that each Engine takes them for its own.
type engine struct {
	client *http.Client
	base   string
	// where names the Engine in errors.
	where string
}

func newEngine(o Docker) (*engine, error) {
	// A new connection for each call, as net/http may send a request twice when
	// it finds that an old one was closed.
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: stayHere}
	if o.Address != "" {
		config, err := o.TLS.config()
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		transport.TLSClientConfig = config
		return &engine{client: client, base: "https://" + o.Address, where: o.Address}, nil
	}
	socket := o.Socket
	if socket == "" {
		socket = dockerSocket
	}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &engine{client: client, base: "http://docker", where: socket}, nil
}

// refused is an answer of an Engine that is not the one asked for.
type refused struct {
	code int
	text string
}

// Error implements error.
func (r refused) Error() string {
	return fmt.Sprintf("the Docker Engine answers %d %s: %s", r.code, http.StatusText(r.code), r.text)
}

// call sends one request. The answer, which the caller must close, is a good one.
func (e *engine) call(ctx context.Context, method, path string, query url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, e.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, Final{err}
	}
	request.Header.Set("User-Agent", "paramedic")
	response, err := e.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the Docker Engine at %s: %w", e.where, because(ctx, err))
	}
	if response.StatusCode < 300 {
		return response.Body, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	var answer struct{ Message string }
	if json.Unmarshal(text, &answer) != nil || answer.Message == "" {
		answer.Message = string(text)
	}
	return nil, refused{code: response.StatusCode, text: health.Clip(plain(answer.Message), detailLimit)}
}

func containerPath(name, verb string) string {
	return "/containers/" + url.PathEscape(name) + "/" + verb
}

// container describes a container.
func (e *engine) container(ctx context.Context, name string) (container, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	body, err := e.call(ctx, http.MethodGet, containerPath(name, "json"), nil)
	if err != nil {
		return container{}, err
	}
	defer body.Close()
	var c container
	if err := json.NewDecoder(io.LimitReader(body, inspectLimit)).Decode(&c); err != nil {
		return container{}, fmt.Errorf("reading what the Docker Engine at %s says: %w", e.where, because(ctx, err))
	}
	if c.ID == "" || c.State.Status == "" {
		return container{}, fmt.Errorf("what answers at %s is no Docker Engine: it describes no container", e.where)
	}
	return c, nil
}

// restart restarts a container; no grace means its own. A refusal is the text
// of an Engine that tried, or that cannot now.
func (e *engine) restart(ctx context.Context, name string, grace time.Duration) (refusal string, err error) {
	query := url.Values{}
	if grace > 0 {
		query.Set("t", strconv.Itoa(int(grace/time.Second)))
	}
	body, err := e.call(ctx, http.MethodPost, containerPath(name, "restart"), query)
	if answer, ok := errors.AsType[refused](err); ok && (answer.code == http.StatusConflict || answer.code >= 500) {
		return answer.text, nil
	}
	if err != nil {
		return "", err
	}
	return "", body.Close()
}

// logs returns the last lines of what a container has printed.
func (e *engine) logs(ctx context.Context, c container, lines int) (string, error) {
	query := url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {strconv.Itoa(lines)}}
	body, err := e.call(ctx, http.MethodGet, containerPath(c.ID, "logs"), query)
	if err != nil {
		return "", err
	}
	defer body.Close()
	end := &tail{limit: outputLimit}
	if c.Config.Tty {
		_, err = io.Copy(end, body)
	} else {
		err = demultiplex(end, body)
	}
	if err != nil {
		err = fmt.Errorf("reading the log: %w", because(ctx, err))
	}
	return plain(end.text()), err
}

// demultiplex joins standard output and standard error in the order in which
// they were written. Each frame begins with eight bytes: which of the two,
// three times zero, and the length in big-endian order.
func demultiplex(into io.Writer, from io.Reader) error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(from, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if head[0] > 2 || head[1] != 0 || head[2] != 0 || head[3] != 0 {
			return errors.New("the stream is not in frames")
		}
		if _, err := io.CopyN(into, from, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}

// refusal makes err final if the Engine will not change its mind, and adds what
// to do then.
func (r *dockerRemedy) refusal(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return Final{fmt.Errorf("%w; run the worker as root, or add its user to the group of the socket, usually docker", err)}
	}
	answer, ok := errors.AsType[refused](err)
	switch {
	case !ok:
		return err
	case answer.code == http.StatusNotFound:
		return Final{fmt.Errorf("%s: the Docker Engine at %s has no container %s; check its name with: docker ps --all",
			r.options.Title(), r.engine.where, r.options.Container)}
	case answer.code < 500 && answer.code != http.StatusTooManyRequests && answer.code != http.StatusConflict:
		return Final{err}
	}
	return err
}
