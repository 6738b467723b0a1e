"""The coordination store between regions: etcd, its client, its keys."""
