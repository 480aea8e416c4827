package main

import (
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"paramedic/activities"
	"paramedic/internal/apply"
	"paramedic/workflows"
)

// batchSlots bounds the batches at the same time at a vantage point. Each is
// itself parallel: eight of 64 probes leave half of the 1,024 descriptors that
// a process is given where nobody has said otherwise.
const batchSlots = 8

// queue is a task queue that this worker serves, and what it does there.
type queue struct {
	name     string
	options  worker.Options
	register func(worker.Registry)
}

// queues are the main one, that of the host and that of the vantage point, as
// asked for. What stops a worker for good is sent to fatal.
func (p *process) queues(c client.Client, fatal chan<- error) []queue {
	options := workflows.WorkerOptions()
	options.WorkerStopTimeout = drainLimit
	options.Interceptors = []interceptor.WorkerInterceptor{workflows.Recording(p.recorder)}
	options.OnFatalError = func(err error) {
		select {
		case fatal <- err:
		default:
		}
	}
	var queues []queue
	if !p.agent {
		queues = append(queues, queue{apply.TaskQueue(p.cfg), options, func(r worker.Registry) {
			workflows.Register(r)
			activities.Register(r, p.fleet, p.recorder, c)
			activities.RegisterBatches(r, p.fleet)
		}})
	}
	options.DisableWorkflowWorker = true
	if p.host != "" {
		queues = append(queues, queue{workflows.HostTaskQueue(p.host), options, func(r worker.Registry) {
			activities.RegisterRemedies(r, p.fleet, c)
		}})
	}
	if p.vantage != "" {
		options.MaxConcurrentActivityExecutionSize = batchSlots
		options.MaxConcurrentActivityTaskPollers = 2 // a batch is rare and long
		queues = append(queues, queue{workflows.VantageTaskQueue(p.vantage), options, func(r worker.Registry) {
			activities.RegisterBatches(r, p.fleet)
		}})
	}
	return queues
}
