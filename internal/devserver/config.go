//go:build !noembed

package devserver

import (
	"math"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

const (
	clusterName = "active"
	// historyShards can never change for a file. SQLite has one writer, so
	// more shards bring more caches and queues and no more throughput.
	historyShards = 1
)

// serverConfig is the static configuration: four services on loopback, one
// SQLite file, no metrics, no profiler, no archive.
func serverConfig(at ports, store *config.SQL) *config.Config {
	const disabled = "disabled"
	return &config.Config{
		Global: config.Global{Membership: config.Membership{
			MaxJoinDuration:  10 * time.Second,
			BroadcastAddress: loopback,
		}},
		Persistence: config.Persistence{
			DefaultStore:     sqliteplugin.PluginName,
			VisibilityStore:  sqliteplugin.PluginName,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             hostPort(at.frontend),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(at.frontend),
			string(primitives.HistoryService):  service(at.history),
			string(primitives.MatchingService): service(at.matching),
			string(primitives.WorkerService):   service(at.worker),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: disabled},
			Visibility: config.VisibilityArchival{State: disabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: disabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: disabled},
		}},
		PublicClient: config.PublicClient{HostPort: hostPort(at.frontend)},
	}
}

func service(port int) config.Service {
	return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
}

type staticHosts = map[primitives.ServiceName]static.Hosts

// hosts names the one host of each service, in place of cluster membership:
// that would cost four more ports and a gossip protocol.
func hosts(at ports) staticHosts {
	return staticHosts{
		primitives.FrontendService: static.SingleLocalHost(hostPort(at.frontend)),
		primitives.HistoryService:  static.SingleLocalHost(hostPort(at.history)),
		primitives.MatchingService: static.SingleLocalHost(hostPort(at.matching)),
		primitives.WorkerService:   static.SingleLocalHost(hostPort(at.worker)),
	}
}

// unlimited stands where a limit protects a shared cluster from one tenant;
// here the only tenant is this process.
const unlimited = math.MaxInt32

// schedulerWorkers is the size of each of the history service's pools of
// goroutines, 512 by default: more than the one writer can ever keep busy. The
// pools for replication have nothing to do without a second cluster. Measured:
// 2,500 goroutines and 30 MB less, with the caches below.
const schedulerWorkers = 64

// dynamicConfig is where the server departs from its defaults, which are made
// for a cluster with many tenants.
func dynamicConfig() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// Limits that 1,500 services would meet.
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():           unlimited,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():                    unlimited,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                     unlimited,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():                    unlimited,
		dynamicconfig.WorkerPersistenceMaxQPS.Key():                      unlimited,
		dynamicconfig.SchedulerNamespaceStartWorkflowRPS.Key():           300.0,
		// Start adds search attributes and sets the retention in one go.
		dynamicconfig.FrontendMaxNamespaceNamespaceReplicationInducingAPIsRPSPerInstance.Key(): 10,

		// One process polls each task queue: partitions would only be asked in vain.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// The worker that runs the schedules: more than its default of two
		// requests for tasks, since many schedules fire in the same second.
		dynamicconfig.WorkerPerNamespaceWorkerOptions.Key(): worker.Options{MaxConcurrentWorkflowTaskPollers: 8},

		// Caches and pools, sized for one machine.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():                        8096,
		dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  schedulerWorkers,
		dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key():            schedulerWorkers,
		dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               schedulerWorkers,
		dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             schedulerWorkers,
		dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            1,
		dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 1,
		dynamicconfig.WorkerParentCloseMaxConcurrentActivityTaskPollers.Key():   2,
		dynamicconfig.WorkerParentCloseMaxConcurrentWorkflowTaskPollers.Key():   2,
		dynamicconfig.WorkerScannerMaxConcurrentActivityTaskPollers.Key():       2,
		dynamicconfig.WorkerScannerMaxConcurrentWorkflowTaskPollers.Key():       2,
	}
}
