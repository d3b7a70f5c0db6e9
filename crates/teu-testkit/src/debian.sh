# Makes a real Debian root file system, as a tar and as an OCI image, in the directory $1.
#
#   root.tar   the file system, as `docker import` takes it
#   oci/       the same as one gzip layer, as skopeo copies it
#   hello.deb  a package of nobody's, for apt-get install
#
# Called once; what it makes is kept in the cache of the tests.
set -eu
out=$1
packages=nginx-light,redis-server,postgresql,iputils-ping,iproute2,procps,netcat-openbsd,strace

work=$out/work
rm -rf "$work" "$out/oci"
mkdir -p "$work" "$out/oci/blobs/sha256"
# A path of its own at the end: debootstrap mounts /proc inside, in a namespace that goes with it.
unshare --mount --pid --fork --kill-child \
    debootstrap --variant=minbase --include="$packages" bookworm "$work/root" >"$out/debootstrap.log" 2>&1
rm -rf "$work/root/var/cache/apt/archives/"*.deb "$work/root/var/lib/apt/lists/"* \
    "$work/root/var/lib/postgresql/15" "$work/root/etc/postgresql/15" \
    "$work/root/proc/"* "$work/root/sys/"*
rm -f "$work/root/etc/resolv.conf" "$work/root/etc/hostname"
tar --numeric-owner --sort=name -C "$work/root" -cf "$out/root.tar" .

mkdir -p "$work/deb/DEBIAN" "$work/deb/usr/share/teu-hello"
printf 'Package: teu-hello\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDepends: libc6\nDescription: a file\n' \
    >"$work/deb/DEBIAN/control"
printf '#!/bin/sh\nset -e\nid -un >/usr/share/teu-hello/configured\n' >"$work/deb/DEBIAN/postinst"
chmod 755 "$work/deb/DEBIAN/postinst"
echo hello >"$work/deb/usr/share/teu-hello/greeting"
dpkg-deb --root-owner-group --build "$work/deb" "$out/hello.deb" >/dev/null

cd "$out/oci"
digest() { sha256sum "$1" | cut -d' ' -f1; }
keep() { # a blob that lies in $1; prints its digest
    hex=$(digest "$1")
    mv "$1" "blobs/sha256/$hex"
    echo "$hex"
}
size() { stat -c %s "blobs/sha256/$1"; }
diff_id=$(digest "$out/root.tar")
gzip -1 -n <"$out/root.tar" >layer
layer=$(keep layer)
printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["bash"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"debootstrap"}]}' \
    "$diff_id" >config
config=$(keep config)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%s}]}' \
    "$config" "$(size "$config")" "$layer" "$(size "$layer")" >manifest
manifest=$(keep manifest)
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
    "$manifest" "$(size "$manifest")" >index.json
echo '{"imageLayoutVersion":"1.0.0"}' >oci-layout
rm -rf "$work"
