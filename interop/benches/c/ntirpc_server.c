/*
 * ntirpc_server.c: null calls over TCP on ntirpc, the server library of nfs-ganesha.
 *
 *     ntirpc_server PORT THREADS
 *
 * Prints "ready" when it listens. Arguments are left alone and every procedure does nothing, since only null calls are measured.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rpc/rpc.h>
#include <rpc/svc.h>
#include <rpc/svc_auth.h>
#include <rpc/svc_rqst.h>

#define CONNECTIONS 8192

static struct svc_req *
new_request(SVCXPRT *transport, XDR *xdrs)
{
	struct svc_req *request = calloc(1, sizeof(*request));

	SVC_REF(transport, SVC_REF_FLAG_NONE);
	request->rq_xprt = transport;
	request->rq_xdrs = xdrs;
	request->rq_refcnt = 1;
	return (request);
}

static void
end_request(struct svc_req *request, enum xprt_stat stat)
{
	SVCXPRT *transport = request->rq_xprt;

	(void)stat;
	if (request->rq_auth != NULL)
		SVCAUTH_RELEASE(request);
	free(request);
	SVC_RELEASE(transport, SVC_RELEASE_FLAG_NONE);
}

static enum xprt_stat
answer(struct svc_req *request)
{
	bool no_dispatch = false;
	enum auth_stat refused = svc_auth_authenticate(request, &no_dispatch);

	if (refused != AUTH_OK)
		return (svcerr_auth(request, refused));
	request->rq_msg.RPCM_ack.ar_results.where = NULL;
	request->rq_msg.RPCM_ack.ar_results.proc = (xdrproc_t)xdr_void;
	return (svc_sendreply(request));
}

/* A connection has been accepted. */
static enum xprt_stat
welcome(SVCXPRT *transport)
{
	transport->xp_dispatch.process_cb = answer;
	return (SVC_STAT(transport->xp_parent));
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	svc_init_params params;
	SVCXPRT *listener;
	uint32_t channel;
	int fd, on = 1;

	if (argc != 3) {
		fprintf(stderr, "usage: ntirpc_server PORT THREADS\n");
		return (2);
	}
	memset(&params, 0, sizeof(params));
	params.alloc_cb = new_request;
	params.free_cb = end_request;
	params.flags = SVC_INIT_EPOLL | SVC_INIT_NOREG_XPRTS;
	params.max_connections = CONNECTIONS;
	params.max_events = 1024;
	params.channels = 2;
	params.idle_timeout = 3600;
	params.ioq_thrd_min = 2;
	params.ioq_thrd_max = (u_int)atoi(argv[2]);
	if (!svc_init(&params)) {
		fprintf(stderr, "ntirpc_server: svc_init\n");
		return (1);
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0) {
		perror("ntirpc_server");
		return (1);
	}
	listener = svc_vc_ncreatef(fd, 65536, 65536, SVC_CREATE_FLAG_CLOSE | SVC_CREATE_FLAG_LISTEN);
	if (listener == NULL || svc_rqst_new_evchan(&channel, NULL, SVC_RQST_FLAG_NONE) != 0) {
		fprintf(stderr, "ntirpc_server: no listener\n");
		return (1);
	}
	listener->xp_dispatch.rendezvous_cb = welcome;
	svc_rqst_evchan_reg(channel, listener, SVC_RQST_FLAG_XPRT_UREG);
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}
