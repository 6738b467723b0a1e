// etcd, and under the name etcdutl its tool for snapshots, from the server's own packages at the versions that go.mod and
// go.sum lock. Built by coordination/install.py where none that is new enough stands on PATH.
package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	if filepath.Base(os.Args[0]) != "etcdutl" {
		etcdmain.Main(os.Args)
		return
	}
	tool := &cobra.Command{Use: "etcdutl"}
	flags := tool.PersistentFlags()
	flags.DurationVar(&etcdutl.FlockTimeout, "timeout", 10*time.Second, "time to wait for a lock on a file")
	flags.StringVarP(&etcdutl.OutputFormat, "write-out", "w", "simple", "simple, json or fields")
	tool.AddCommand(etcdutl.NewSnapshotCommand(), etcdutl.NewHashKVCommand(), etcdutl.NewVersionCommand())
	if tool.Execute() != nil {
		os.Exit(1)
	}
}
