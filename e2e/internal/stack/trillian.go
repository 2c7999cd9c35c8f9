package stack

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/extension"
	tlog "github.com/google/trillian/log"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/server/interceptor"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/memory"
	"github.com/google/trillian/util/clock"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"
)

// sequencing is how often new leaves are put into the tree. Rekor asks for the
// first time at once and then after 100 ms: by then they are.
const sequencing = 50 * time.Millisecond

// A trillianServer is the real log server and log signer of Trillian over one
// storage in memory: the tree ends with the process.
type trillianServer struct {
	address string
	server  *grpc.Server
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
}

// trillianLog starts both on a port of the loopback interface; Rekor can speak
// to it in no other way than gRPC.
func trillianLog() (*trillianServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	trees := memory.NewTreeStorage()
	registry := extension.Registry{
		AdminStorage: memory.NewAdminStorage(trees),
		LogStorage:   &distinct{LogStorage: memory.NewLogStorage(trees, nil), seen: map[string]*trillian.LogLeaf{}},
		QuotaManager: quota.Noop(),
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &trillianServer{
		address: listener.Addr().String(),
		server:  grpc.NewServer(grpc.UnaryInterceptor(interceptor.ErrorWrapper)),
		cancel:  cancel,
	}
	trillian.RegisterTrillianAdminServer(t.server, admin.New(registry, nil))
	trillian.RegisterTrillianLogServer(t.server, server.NewTrillianLogRPCServer(registry, clock.System))
	signer := tlog.NewOperationManager(tlog.OperationInfo{
		Registry: registry, BatchSize: 256, NumWorkers: 1, RunInterval: sequencing, TimeSource: clock.System,
	}, tlog.NewSequencerManager(registry, 0))
	t.tasks.Go(func() { signer.OperationLoop(ctx) })
	t.tasks.Go(func() { t.server.Serve(listener) })
	return t, nil
}

func (t *trillianServer) close() {
	t.cancel()
	t.server.Stop()
	t.tasks.Wait()
}

// firstTree is the first tree of a Trillian log server, or 0 if it has none.
func firstTree(address string) (int64, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, fmt.Errorf("trillian: %w", err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	list, err := trillian.NewTrillianAdminClient(conn).ListTrees(ctx, &trillian.ListTreesRequest{})
	if err != nil {
		return 0, fmt.Errorf("trillian at %s: %w", address, err)
	}
	if len(list.Tree) == 0 {
		return 0, nil
	}
	return list.Tree[0].TreeId, nil
}

// A distinct storage refuses a leaf that it has, as the storages of databases
// do and the one in memory does not.
type distinct struct {
	storage.LogStorage
	mu   sync.Mutex
	seen map[string]*trillian.LogLeaf // by identity; there is one tree
}

// QueueLeaves implements storage.LogStorage.
func (d *distinct) QueueLeaves(ctx context.Context, tree *trillian.Tree, leaves []*trillian.LogLeaf, now time.Time) ([]*trillian.QueuedLogLeaf, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*trillian.QueuedLogLeaf, len(leaves))
	for i, leaf := range leaves {
		id := string(leaf.LeafIdentityHash)
		if old, ok := d.seen[id]; ok {
			out[i] = &trillian.QueuedLogLeaf{Leaf: old, Status: grpcstatus.New(codes.AlreadyExists, "leaf already exists").Proto()}
			continue
		}
		queued, err := d.LogStorage.QueueLeaves(ctx, tree, []*trillian.LogLeaf{leaf}, now)
		if err != nil {
			return nil, err
		}
		out[i], d.seen[id] = queued[0], leaf
	}
	return out, nil
}
