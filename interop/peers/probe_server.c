/*
 * probe_server.c: the probe program of probe.x on libtirpc.
 *
 *     probe_server [-n BYTES] [-c ENTRIES] PORT NETID...
 *
 * Serves on every NETID (udp, tcp, udp6, tcp6 at PORT; local at /run/probe.sock), registered with rpcbind, and prints "ready".
 * -n has connections read without blocking and records bounded, as rpcbind does it; -c has answers to datagrams kept for calls
 * that come again.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"
#include <rpc/rpc_com.h>

#define LOCAL_PATH "/run/probe.sock"

/* Generated, without declarations of their own. */
void probe_program_2(struct svc_req *, SVCXPRT *);
void probe_program_4(struct svc_req *, SVCXPRT *);

static u_int sum;

probe_blob *
probe_echo_2_svc(probe_blob blob, struct svc_req *request)
{
	static probe_blob result;

	(void)request;
	/* The argument lives until the reply has been sent. */
	result = blob;
	return (&result);
}

u_int *
probe_add_2_svc(u_int number, struct svc_req *request)
{
	(void)request;
	sum += number;
	return (&sum);
}

u_int *
probe_add_4_svc(u_int number, struct svc_req *request)
{
	return (probe_add_2_svc(number, request));
}

void *
probe_note_2_svc(u_int number, struct svc_req *request)
{
	(void)request;
	sum += number;
	/* No result is no reply. */
	return (NULL);
}

u_int *
probe_wait_2_svc(u_int milliseconds, struct svc_req *request)
{
	static u_int result;

	(void)request;
	result = milliseconds;
	poll(NULL, 0, (int)milliseconds);
	return (&result);
}

/* Fills in the address that `config` is served at; gives back its length. */
static socklen_t
address(const struct netconfig *config, in_port_t port, struct sockaddr_storage *storage)
{
	struct sockaddr_in *in = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
	struct sockaddr_un *un = (struct sockaddr_un *)storage;

	memset(storage, 0, sizeof(*storage));
	if (strcmp(config->nc_protofmly, NC_INET) == 0) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return (sizeof(*in));
	}
	if (strcmp(config->nc_protofmly, NC_INET6) == 0) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return (sizeof(*in6));
	}
	un->sun_family = AF_LOCAL;
	strcpy(un->sun_path, LOCAL_PATH);
	unlink(LOCAL_PATH);
	return (SUN_LEN(un));
}

static void
serve(const char *netid, in_port_t port, u_int cache)
{
	struct netconfig *config = getnetconfigent(netid);
	struct sockaddr_storage storage;
	struct t_bind bind;
	SVCXPRT *transport;

	if (config == NULL) {
		fprintf(stderr, "probe_server: /etc/netconfig has no %s\n", netid);
		exit(1);
	}
	memset(&bind, 0, sizeof(bind));
	bind.qlen = 128;
	bind.addr.buf = &storage;
	bind.addr.len = bind.addr.maxlen = address(config, port, &storage);
	transport = svc_tli_create(RPC_ANYFD, config, &bind, 0, 0);
	if (transport == NULL
	    || !svc_reg(transport, PROBE_PROGRAM, PROBE_V2, probe_program_2, config)
	    || !svc_reg(transport, PROBE_PROGRAM, PROBE_V4, probe_program_4, config)) {
		fprintf(stderr, "probe_server: cannot serve on %s\n", netid);
		exit(1);
	}
	if (cache != 0 && config->nc_semantics == NC_TPI_CLTS && !svc_dg_enablecache(transport, cache)) {
		fprintf(stderr, "probe_server: no cache for %s\n", netid);
		exit(1);
	}
	freenetconfigent(config);
}

int
main(int argc, char **argv)
{
	int option, longest;
	u_int cache = 0;
	in_port_t port;

	while ((option = getopt(argc, argv, "n:c:")) != -1) {
		switch (option) {
		case 'n':
			longest = atoi(optarg);
			rpc_control(RPC_SVC_CONNMAXREC_SET, &longest);
			break;
		case 'c':
			cache = (u_int)atoi(optarg);
			break;
		default:
			return (2);
		}
	}
	if (argc - optind < 2) {
		fprintf(stderr, "usage: probe_server [-n BYTES] [-c ENTRIES] PORT NETID...\n");
		return (2);
	}
	port = (in_port_t)atoi(argv[optind++]);
	rpcb_unset(PROBE_PROGRAM, PROBE_V2, NULL);
	rpcb_unset(PROBE_PROGRAM, PROBE_V4, NULL);
	while (optind < argc)
		serve(argv[optind++], port, cache);
	printf("ready\n");
	fflush(stdout);
	svc_run();
	return (1);
}
