"""Objects as the documentations of KServe and Seldon show them."""

KSERVE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: sklearn-iris, namespace: kserve-test}
spec:
  predictor:
    model:
      modelFormat: {name: sklearn}
      storageUri: gs://kfserving-examples/models/sklearn/1.0/model
      resources: {requests: {cpu: 100m, memory: 512Mi}, limits: {cpu: "1", memory: 1Gi}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: sklearn-iris}
spec:
  predictor:
    minReplicas: 0
    scaleTarget: 1
    scaleMetric: concurrency
    canaryTrafficPercent: 10
    logger: {mode: all, url: http://broker-ingress.knative-eventing.svc.cluster.local/kascade/default}
    serviceAccountName: sa
    model:
      modelFormat: {name: sklearn}
      protocolVersion: v2
      runtime: kserve-sklearnserver
      storageUri: s3://kserve-examples/mnist
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: sklearn-older}
spec:
  predictor:
    sklearn: {storageUri: gs://kfserving-samples/models/sklearn/iris}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: torch-transformer}
spec:
  predictor:
    model:
      modelFormat: {name: pytorch}
      storageUri: gs://kfserving-examples/models/torchserve/image_classifier
  transformer:
    containers:
      - image: kserve/image-transformer:latest
        name: kserve-container
        command: [python, -m, model]
        args: [--model_name, mnist]
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: custom-model}
spec:
  predictor:
    containers:
      - name: kserve-container
        image: example.com/custom-model:v1
        resources: {limits: {cpu: "1", memory: 1Gi}}
"""
SELDON = """
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: iris-model, namespace: model-namespace}
spec:
  name: iris
  predictors:
    - name: default
      replicas: 1
      graph:
        name: classifier
        implementation: SKLEARN_SERVER
        modelUri: gs://seldon-models/v1.19.0-dev/sklearn/iris
        logger: {mode: all, url: http://broker-ingress.knative-eventing.svc.cluster.local/kascade/default}
---
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: example, labels: {app: seldon}}
spec:
  name: canary-example
  protocol: v2
  predictors:
    - name: main
      traffic: 75
      graph: {name: classifier, type: MODEL, children: []}
      componentSpecs:
        - spec:
            terminationGracePeriodSeconds: 1
            containers: [{name: classifier, image: "seldonio/mock_classifier:1.19.0"}]
    - name: canary
      traffic: 25
      graph: {name: classifier, type: MODEL, children: []}
      componentSpecs:
        - spec:
            containers: [{name: classifier, image: "seldonio/mock_classifier:1.19.0"}]
---
apiVersion: mlops.seldon.io/v1alpha1
kind: Model
metadata: {name: iris}
spec:
  storageUri: gs://seldon-models/scv2/samples/mlserver_1.6.0/iris-sklearn
  requirements: [sklearn]
  memory: 100Ki
---
apiVersion: mlops.seldon.io/v1alpha1
kind: Experiment
metadata: {name: experiment-sample}
spec:
  default: iris
  candidates:
    - {name: iris, weight: 50}
    - {name: iris2, weight: 50}
  mirror: {name: iris3, percent: 100}
"""
