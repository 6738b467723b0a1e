// etcd as the project's own people build it, from the server's packages at the versions that go.mod and go.sum lock.
// Built by coordination/build.py where no etcd that is new enough stands on PATH.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
