package probe

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// consumersName is the observation of the consumers of all queues together;
// each queue has one of its own that begins with it.
const consumersName = "consumers"

// rabbitQueuesLimit is how many queues fit into one probe: a result has room
// for two values of each and for both totals.
const rabbitQueuesLimit = (valueLimit - 2) / 2

// rabbitQueue is a queue to look at, and how what is seen is called.
type rabbitQueue struct{ name, pending, consumers string }

func rabbitQueuesOf(names []string) []rabbitQueue {
	queues := make([]rabbitQueue, 0, len(names))
	for _, name := range names {
		pending := pendingOf(name)
		queues = append(queues, rabbitQueue{
			name: name, pending: pending, consumers: consumersName + strings.TrimPrefix(pending, pendingName),
		})
	}
	return queues
}

// checkRabbitQueues reports queues that cannot be told from one another.
func checkRabbitQueues(problems *option.Problems, names []string) {
	if len(names) > rabbitQueuesLimit {
		problems.Add("queues", "holds %d names; at most %d fit into one probe", len(names), rabbitQueuesLimit)
	}
	seen := map[string]string{}
	for i, q := range rabbitQueuesOf(names) {
		path := fmt.Sprintf("queues[%d]", i)
		switch other := seen[q.pending]; {
		case q.name == "":
			problems.Add(path, "is empty; write the name of a queue")
		case q.pending == pendingName:
			problems.Add(path, "%q has no letter or digit that an observation could be named by", q.name)
		case len(q.consumers) > nameLimit:
			problems.Add(path, "%s would be observed as %s, which is longer than %d bytes", q.name, q.consumers, nameLimit)
		case other != "":
			problems.Add(path, "would be observed as %s, as %s is already", q.pending, other)
		}
		seen[q.pending] = path
	}
}

// look adds what is in each queue to values, and what it has to hold against
// queues to their verdict. It returns the channel that is open then: the server
// closes the one on which it is asked for a queue that it does not have.
func (p *rabbitProber) look(a *attempt, channel *amqp.Channel, values readings) (*amqp.Channel, rabbitVerdict, error) {
	var verdict rabbitVerdict
	pending, consumers := 0, 0
	for _, q := range p.queues {
		a.doing("looking at the queue %s", q.name)
		found, err := channel.QueueDeclarePassive(q.name, false, false, false, false, nil)
		var said *amqp.Error
		if errors.As(err, &said) && said.Code == amqp.NotFound {
			verdict.wrong = append(verdict.wrong, fmt.Sprintf("there is no queue %s in the virtual host %s", q.name, p.options.VHost))
			if channel, err = p.conn.Channel(); err != nil {
				return nil, verdict, err
			}
			continue
		}
		if err != nil {
			return nil, verdict, err
		}
		pending, consumers = pending+found.Messages, consumers+found.Consumers
		values.numbers[q.pending], values.numbers[q.consumers] = float64(found.Messages), float64(found.Consumers)
		verdict.weigh(q.name, found.Messages, p.options)
	}
	values.numbers[pendingName], values.numbers[consumersName] = float64(pending), float64(consumers)
	verdict.fine = fmt.Sprintf("connected, %d pending", pending)
	return channel, verdict, nil
}

// rabbitVerdict is what was found about all queues: what is unhealthy, what is
// degraded, and what there is to say otherwise.
type rabbitVerdict struct {
	wrong, doubtful []string
	fine            string
}

// weigh holds the messages that wait in a queue against the limits.
func (v *rabbitVerdict) weigh(name string, waiting int, limits RabbitMQ) {
	switch {
	case limits.UnhealthyPast > 0 && waiting > limits.UnhealthyPast:
		v.wrong = append(v.wrong, fmt.Sprintf("%d pending in %s, more than %d", waiting, name, limits.UnhealthyPast))
	case limits.DegradedPast > 0 && waiting > limits.DegradedPast:
		v.doubtful = append(v.doubtful, fmt.Sprintf("%d pending in %s, more than %d", waiting, name, limits.DegradedPast))
	}
}

func (v *rabbitVerdict) result() health.Result {
	switch {
	case len(v.wrong) > 0:
		return health.Result{Status: health.Unhealthy, Message: strings.Join(v.wrong, "; ")}
	case len(v.doubtful) > 0:
		return health.Result{Status: health.Degraded, Message: strings.Join(v.doubtful, "; ")}
	default:
		return health.Result{Status: health.Healthy, Message: v.fine}
	}
}

// plain strips what the library puts around the words of the server. What it
// reads off a closed connection it returns as an error of the protocol.
func (p *rabbitProber) plain(err error) error {
	var said *amqp.Error
	switch {
	case p.socket != nil && p.socket.left.Load() <= 0:
		return errRation
	case !errors.As(err, &said):
		return err
	case said == amqp.ErrClosed, !said.Server && strings.Contains(said.Reason, "EOF"):
		return io.ErrUnexpectedEOF
	case !said.Server && strings.Contains(said.Reason, syscall.ECONNRESET.Error()):
		return syscall.ECONNRESET
	case said == amqp.ErrCredentials:
		return errors.New("the server refuses the user or the password")
	case !said.Server && p.conn == nil:
		return errors.New("the server does not speak AMQP 0-9-1")
	default:
		return errors.New(said.Reason)
	}
}
