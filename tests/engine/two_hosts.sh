#!/usr/bin/env bash
# Two hosts on one machine: network namespaces with a link between them. torchrun trains across
# them, and a Ray cluster of two nodes detects. For root: sudo tests/engine/two_hosts.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
export PYTHONPATH=$PWD OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0
export GLOO_SOCKET_IFNAME=wire TP_SOCKET_IFNAME=wire
# Between machines Ray asks for a token; this one is for this run alone.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
python=${PYTHON:-python3}
work=$(mktemp -d /tmp/two-XXXX)
hosts=(yolo-a yolo-b)
addresses=(10.77.0.1 10.77.0.2)

clean() {
  for host in "${hosts[@]}"; do
    ip netns pids "$host" 2> /dev/null | xargs -r kill -9 2> /dev/null || true
    ip netns delete "$host" 2> /dev/null || true
  done
  rm -rf "$work"
}
trap clean EXIT

on() {  # HOST COMMAND…
  local host=$1
  shift
  ip netns exec "$host" "$@"
}

for i in 0 1; do ip netns add "${hosts[i]}"; done
ip link add name wire netns yolo-a type veth peer name wire netns yolo-b
for i in 0 1; do
  on "${hosts[i]}" ip address add "${addresses[i]}/24" dev wire
  on "${hosts[i]}" ip link set wire up
  on "${hosts[i]}" ip link set lo up
  on "${hosts[i]}" ip route add default dev wire  # by which Ray finds its own address
done
# Detection: a head on one host, a worker on the other; an actor on each.
ray=("$python" -m ray.scripts.scripts start --num-cpus 1 --disable-usage-stats
  --object-store-memory 100000000)
on yolo-a "${ray[@]}" --head --node-ip-address 10.77.0.1 --port 6379 --include-dashboard false \
  --temp-dir "$work/a" > "$work/head.log" 2>&1 || { cat "$work/head.log"; exit 1; }
on yolo-b "${ray[@]}" --address 10.77.0.1:6379 --node-ip-address 10.77.0.2 > "$work/worker.log" 2>&1 \
  || { cat "$work/worker.log"; exit 1; }
on yolo-a "$python" -m yolo_cli detect samples/ --weights fast-voc --engine ray --actors 2 \
  --address 10.77.0.1:6379 --out "$work/found" --save jsonl
images=$(find samples/JPEGImages -type f | wc -l)
[ "$(cat "$work"/found/detections/*.jsonl | wc -l)" = "$images" ] && echo "detected on two hosts"

# Training: a process on each host; the first one writes.
train=(-m torch.distributed.run --nnodes 2 --nproc-per-node 1 --rdzv-backend c10d
  --rdzv-endpoint 10.77.0.1:29400 --rdzv-id two)
options=(-m yolo_cli train samples/ --arch fast --weights none --image-size 64 --grid 2
  --epochs 1 --copies 0 --freeze 0 --batch 4 --workers 0 --device cpu --out "$work/run")
on yolo-b "$python" "${train[@]}" --rdzv-conf is_host=0 --local-addr 10.77.0.2 \
  "${options[@]}" > "$work/b.log" 2>&1 &
other=$!
on yolo-a "$python" "${train[@]}" --rdzv-conf is_host=1 --local-addr 10.77.0.1 \
  "${options[@]}" || { cat "$work/b.log"; exit 1; }
wait "$other"
ls "$work/run/best.safetensors" && echo "trained on two hosts"
